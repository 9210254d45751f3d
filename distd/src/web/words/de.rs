//! German.

use protocol::api::InstallReason;

use super::{Acts, Android, Ios, Labels, Linux, Mac, Problems, SignIn, SigningWords, Times, Windows, Words};

pub(in crate::web) static DE: Words = Words {
    tag: "de",
    name: "Deutsch",
    language: "Sprache",
    time: Times { today: "heute", yesterday: "gestern", days_ago: |days| format!("vor {days} Tagen") },
    act: Acts {
        install_on: |device| format!("Auf diesem {device} installieren"),
        download_for: |platform| format!("Für {platform} laden"),
        download: "Laden",
        open_testflight: "In TestFlight öffnen",
        open_app_store: "Im App Store öffnen",
        open_google_play: "In Google Play öffnen",
        open_page: "Seite öffnen",
        copy: "Kopieren",
        copied: "Kopiert",
        all_notes: "Alle Neuerungen zeigen",
    },
    label: Labels {
        whats_new: "Neuerungen",
        platforms: "Alle Systeme",
        other_platforms: "Andere Systeme",
        other_files: "Weitere Dateien",
        checksums: "Prüfsummen",
        checksums_hint: "Die SHA-256 der geladenen Datei muss der hier gleichen.",
        verify: "Geladene Datei prüfen",
        minimum_os: "Braucht",
        signing: "Signatur",
        signer: "Unterzeichner",
        id: "Kennung",
        version_code: "Versionscode",
        processor: "Prozessor",
        every_processor: "alle",
        published: "Veröffentlicht",
        release: "Release",
        any_platform: "Dateien für jedes System",
        scan: "Mit einem Telefon scannen, um diese Seite dort zu öffnen",
        or_later: |version| format!("{version} oder neuer"),
        nothing: "Dieses Release hat keine Dateien.",
    },
    ios: Ios {
        enterprise: "Unternehmens-Build für die Geräte der Organisation",
        ad_hoc: |devices| format!("Nur für die in diesem Build registrierten Geräte, insgesamt {devices}"),
        valid: |days| match days {
            0 => "endet heute".to_owned(),
            1 => "noch 1 Tag gültig".to_owned(),
            days => format!("noch {days} Tage gültig"),
        },
        steps_enterprise: &[
            "Auf Installieren tippen und in der Rückfrage bestätigen. Die App erscheint auf dem Home-Bildschirm.",
            "Beim ersten Mal: Einstellungen › Allgemein › VPN und Geräteverwaltung, dort der Organisation vertrauen.",
            "Ab iOS 18 folgt „Erlauben & neu starten“: Das Gerät startet einmal neu.",
        ],
        steps_ad_hoc: &[
            "Auf Installieren tippen und in der Rückfrage bestätigen. Die App erscheint auf dem Home-Bildschirm.",
            "Auf einem nicht registrierten Gerät schlägt die Installation fehl. Seine UDID an die Entwickler schicken; der nächste Build kann es aufnehmen.",
        ],
        on_device: "Diese Seite auf dem iPhone oder iPad öffnen: Installiert wird von dort.",
        needs_https: "iPhones und iPads installieren nur über https, und dieser Server kennt seine öffentliche https-Adresse nicht. Wer ihn betreibt, setzt DISTD_PUBLIC_URL.",
        testflight_left: |days| match days {
            1 => "Dieser Build läuft in TestFlight noch 1 Tag".to_owned(),
            days => format!("Dieser Build läuft in TestFlight noch {days} Tage"),
        },
        testflight_over: "Dieser Build ist in TestFlight abgelaufen; dort laufen Builds 90 Tage. Vielleicht gibt es einen neueren.",
        steps_testflight: &[
            "TestFlight aus dem App Store laden, falls es noch fehlt.",
            "Auf die Schaltfläche tippen und die Einladung annehmen.",
        ],
        reason,
        for_makers: "Die Datei ist für Inhaber eines Tokens.",
    },
    android: Android {
        steps: &[
            "Auf Laden tippen, dann die Datei öffnen.",
            "Beim ersten Mal fragt Android, ob dieser Browser unbekannte Apps installieren darf: erlauben, dann zurückgehen.",
            "Eine installierte App wird nur von einem Build desselben Unterzeichners mit höherem Versionscode aktualisiert.",
        ],
        which: "Die meisten Telefone und Tablets sind arm64. Lässt sich eine Datei nicht installieren, die andere versuchen.",
        verified_in_places: "In manchen Ländern installieren zertifizierte Android-Geräte nur Apps von Entwicklern, die bei Google registriert sind. Weigert sich das Gerät, bei den Entwicklern der App nachfragen.",
        verified_everywhere: "Zertifizierte Android-Geräte installieren nur Apps von Entwicklern, die bei Google registriert sind. Weigert sich das Gerät, bei den Entwicklern der App nachfragen.",
        bundle: "App Bundles sind für Google Play und lassen sich auf keinem Gerät installieren.",
    },
    mac: Mac {
        steps_dmg: &["Das geladene Image öffnen.", "Die App in den Ordner Programme ziehen, dann das Image auswerfen."],
        steps_pkg: &["Das geladene Paket öffnen und dem Installationsprogramm folgen."],
        steps_zip: &["Das geladene Archiv öffnen.", "Die App in den Ordner Programme ziehen."],
        stapled: "Signiert, mit angeheftetem Notarisierungs-Ticket: Sie öffnet sich, auch ohne Netz.",
        no_ticket: "Signiert, kein Notarisierungs-Ticket gefunden: macOS fragt beim ersten Öffnen bei Apple nach. Wird sie blockiert: Systemeinstellungen › Datenschutz & Sicherheit › Dennoch öffnen.",
        unsigned: "Von keinem Entwickler signiert: macOS blockiert sie beim ersten Öffnen. Danach Systemeinstellungen › Datenschutz & Sicherheit › Dennoch öffnen, wenn Sie der Herkunft vertrauen.",
        which: "Apple-Menü › Über diesen Mac sagt, welcher: Bei „Chip“ ist es Apple Silicon, bei „Prozessor“ Intel.",
        apple_silicon: "Apple Silicon",
        intel: "Intel",
    },
    windows: Windows {
        steps_installer: &["Die geladene Datei öffnen und dem Installationsprogramm folgen."],
        steps_msix: &["Die geladene Datei öffnen und Installieren wählen."],
        steps_zip: &[
            "Das geladene Archiv mit rechts anklicken und Alle extrahieren wählen.",
            "Das Programm im neuen Ordner öffnen.",
        ],
        signed: "Signiert. Windows warnt vielleicht dennoch, bis viele sie installiert haben: Weitere Informationen zeigt den Herausgeber.",
        unsigned: "Nicht signiert: Windows warnt. Weitere Informationen › Trotzdem ausführen startet sie, wenn Sie der Herkunft vertrauen.",
        invalid: "Die Signatur stimmt nicht: Die Datei ist nicht, was signiert wurde. Nicht ausführen.",
    },
    linux: Linux {
        deb: "Debian, Ubuntu und Verwandte",
        rpm: "Fedora, RHEL, openSUSE",
        appimage: "Jede Distribution (AppImage)",
        archive: "Auspacken",
        chromebook: "Auf einem Chromebook braucht es die Linux-Entwicklungsumgebung: Einstellungen › Über ChromeOS › Entwickler.",
    },
    signing: SigningWords {
        stapled: "signiert, Ticket angeheftet",
        no_ticket: "signiert, kein Ticket gefunden",
        signed: "signiert",
        ad_hoc: "ad hoc",
        unsigned: "nicht signiert",
        invalid: "Signatur stimmt nicht",
    },
    inside: |app, browser| {
        let place = app.map_or_else(|| "in einer App".to_owned(), |app| format!("in {app}"));
        format!(
            "Diese Seite ist {place} geöffnet; dort sind Installationen und Downloads gesperrt. Im Menü (⋯ oder Teilen) „In {browser} öffnen“ wählen."
        )
    },
    sign_in: SignIn {
        title: "Anmelden",
        why: "Ein Token bekommen Sie von dem, der Sie hierher geschickt hat.",
        token: "Token",
        button: "Anmelden",
        refused: "Dieses Token gilt nicht: Es ist hier unbekannt, abgelaufen oder widerrufen, oder nicht ganz kopiert.",
        too_many: "Von dort kamen zu viele Token, die nicht gelten. Eine Minute warten.",
        not_enough: |name| format!("Sie sind als {name} angemeldet; dieses Token darf das nicht sehen."),
        signed_in: |name| format!("Angemeldet als {name}"),
        sign_out: "Abmelden",
        done: "Sie sind angemeldet.",
    },
    problem: Problems {
        private: (
            "Diese App ist nicht öffentlich",
            "Installieren können sie Inhaber eines Tokens oder eines Links von denen, die sie entwickeln.",
        ),
        link: (
            "Dieser Link gilt nicht",
            "Er ist abgelaufen, widerrufen, aufgebraucht oder nicht ganz kopiert. Wer ihn geschickt hat, kann einen neuen machen.",
        ),
        withdrawn: (
            "Dieses Release wurde zurückgezogen",
            "Es kann weder installiert noch heruntergeladen werden. Nehmen Sie das, was sein Kanal jetzt anbietet.",
        ),
        expired: (
            "Dieses Release wird nicht mehr aufbewahrt",
            "Die Frist für seine Dateien ist abgelaufen. Nehmen Sie ein neueres.",
        ),
        nothing: (
            "Hier ist nichts",
            "Die Adresse ist vielleicht alt oder vertippt. Fragen Sie, wer sie geschickt hat.",
        ),
        failed: ("Der Server konnte das nicht", "Gleich noch einmal versuchen."),
        form: ("Das Formular wurde nicht angenommen", "Die Seite neu laden und noch einmal absenden."),
    },
};

fn reason(reason: InstallReason) -> &'static str {
    match reason {
        InstallReason::StoreProfile => "Für den App Store gebaut: Nur App Store und TestFlight installieren es.",
        InstallReason::ProfileExpired => {
            "Das Bereitstellungsprofil ist abgelaufen: Es startet auf keinem Gerät. Es braucht einen neuen Build."
        }
        InstallReason::ProfileMissing => "Es hat kein Bereitstellungsprofil: Kein Gerät installiert es.",
        InstallReason::ProfileUnverified => {
            "Das Bereitstellungsprofil ist nicht, was signiert wurde: Kein Gerät installiert es."
        }
        InstallReason::DevelopmentProfile => {
            "Ein Entwicklungs-Build: Entwickler bringen ihn mit Xcode auf ihre registrierten Geräte."
        }
        InstallReason::Unsigned => "Nicht signiert: Kein Gerät installiert es.",
        InstallReason::Simulator => "Für den Simulator gebaut: Es läuft auf keinem Gerät.",
        InstallReason::Encrypted => "Vom App Store für ein Konto verschlüsselt: Es startet für niemanden sonst.",
        InstallReason::OtherDevices => "Es ist weder für iPhone noch für iPad.",
        InstallReason::Unreadable => "Es lässt sich nicht als App lesen.",
        InstallReason::NotInspected => "Es wurde noch nicht untersucht; wo es sich installieren lässt, ist unbekannt.",
        InstallReason::AppBundle => "Ein App Bundle für Google Play: Es lässt sich auf keinem Gerät installieren.",
    }
}
