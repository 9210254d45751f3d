//! What an install page says, before how it looks: which platform comes first on this device, and which action. Pure.

use inspect::Summary;
use protocol::Platform;
use protocol::api::{Install, InstallMode, InstallReason};
use protocol::manifest::{ArtifactLine, Link};
use protocol::platform::LinkKind;

use super::device::{Device, Form};
use crate::ops::install::Shown;
use crate::ops::install::choose::{arch_rank, kind_rank};

/// In which order platforms stand that are not the device's own.
const ORDER: [Platform; 6] =
    [Platform::Ios, Platform::Android, Platform::Macos, Platform::Windows, Platform::Linux, Platform::Any];

/// Where things of an artifact are.
#[derive(Debug, Clone, Default)]
pub(super) struct Place {
    /// Its bytes.
    pub(super) file: String,
    /// What starts its installation on an iPhone; absent where the server has no public https address.
    pub(super) install: Option<String>,
}

/// What a page is made of.
pub(super) struct View<'a> {
    pub(super) shown: &'a Shown,
    pub(super) device: &'a Device,
    /// One for each artifact, in the order of the manifest.
    pub(super) places: &'a [Place],
    /// Whether it is made for the holder of a token.
    pub(super) is_for_makers: bool,
}

/// Everything of one platform.
#[derive(Debug, Clone)]
pub(super) struct Section<'a> {
    pub(super) platform: Platform,
    /// The best one for the device first.
    pub(super) items: Vec<Item<'a>>,
    /// Invitations and stores.
    pub(super) links: Vec<&'a Link>,
    /// How an invitation is to be taken, where there is one.
    pub(super) invitation: Option<&'a Install>,
}

/// One file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Item<'a> {
    pub(super) line: &'a ArtifactLine,
    pub(super) summary: Option<&'a Summary>,
    pub(super) install: &'a Install,
    pub(super) place: &'a Place,
}

/// The one thing to do for a platform.
#[derive(Debug, Clone, Copy)]
pub(super) enum Action<'a> {
    /// Tap to install on an iPhone or iPad.
    Install(Item<'a>, &'a str),
    /// Do that on the device itself.
    OnDevice(Item<'a>),
    /// The server has no address that iPhones install from.
    NeedsHttps(Item<'a>),
    /// Follow a link: TestFlight, a store, a page.
    Open(&'a Link),
    /// Download the file.
    Download(Item<'a>),
    /// Nothing that installs, and why.
    Nothing(Option<InstallReason>),
}

impl<'a> View<'a> {
    /// The platforms of the release: those of the device first.
    pub(super) fn sections(&self) -> Vec<Section<'a>> {
        let others = ORDER.into_iter().filter(|platform| !self.device.platforms.contains(platform));
        let order = self.device.platforms.iter().copied().chain(others);
        let sections = order.map(|platform| self.section(platform));
        sections.filter(|section| !section.items.is_empty() || !section.links.is_empty()).collect()
    }

    /// How many of the sections are the device's own.
    pub(super) fn own(&self, sections: &[Section<'_>]) -> usize {
        sections.iter().filter(|section| self.device.platforms.contains(&section.platform)).count()
    }

    fn section(&self, platform: Platform) -> Section<'a> {
        let release = &self.shown.release;
        let files = release.manifest.artifacts.iter().zip(&release.install).zip(&release.reports).zip(self.places);
        let items = files.map(|(((line, install), report), place)| Item {
            line,
            summary: report.summary.as_ref(),
            install,
            place,
        });
        let mut items: Vec<Item<'a>> = items.filter(|item| item.line.platform == platform).collect();
        items.sort_by_key(|item| self.rank(item));
        let links = release.manifest.links.iter().filter(|link| link.platform == platform).collect();
        let invitation = release.install.iter().find(|way| way.platform == platform && way.url.is_some());
        Section { platform, items, links, invitation }
    }

    /// What installs goes first, then what runs here, then the usual format.
    fn rank(&self, item: &Item<'_>) -> (u8, u8, usize, u8) {
        let is_own = self.device.platforms.contains(&item.line.platform);
        let fit = arch_rank(item.line, self.device.arch.as_ref().filter(|_| is_own));
        let mode = match item.install.mode {
            InstallMode::Enterprise | InstallMode::Direct => 0,
            InstallMode::AdHoc => 1,
            InstallMode::Testflight => 2,
            InstallMode::ArtifactOnly => 3,
            InstallMode::None => 4,
        };
        let kind = kind_rank(item.line.platform, item.line.kind);
        (mode, u8::from(fit.is_none()), kind, fit.unwrap_or(u8::MAX))
    }

    /// The one thing to do for a platform.
    pub(super) fn action(&self, section: &Section<'a>) -> Action<'a> {
        if let Some(item) = section.items.first() {
            match item.install.mode {
                InstallMode::Enterprise | InstallMode::AdHoc => return self.over_the_air(*item),
                InstallMode::Direct => return Action::Download(*item),
                InstallMode::Testflight | InstallMode::ArtifactOnly | InstallMode::None => {}
            }
        }
        if let Some(link) = section.links.iter().min_by_key(|link| link_rank(link.kind)) {
            return Action::Open(link);
        }
        Action::Nothing(section.items.first().and_then(|item| item.install.reason))
    }

    fn over_the_air(&self, item: Item<'a>) -> Action<'a> {
        match &item.place.install {
            None => Action::NeedsHttps(item),
            Some(url) if self.device.platforms.contains(&Platform::Ios) => Action::Install(item, url),
            Some(_) => Action::OnDevice(item),
        }
    }

    /// Whether a Mac asks that may be an iPad.
    pub(super) fn is_maybe_ipad(&self) -> bool {
        self.device.platforms == [Platform::Macos, Platform::Ios]
    }

    /// What the device calls itself in a button.
    pub(super) fn device_name(&self) -> &'static str {
        if self.device.form == Form::IPhone { "iPhone" } else { "iPad" }
    }

    /// Whether the file itself may be downloaded from here.
    pub(super) fn hands_out(&self, item: &Item<'_>) -> bool {
        self.is_for_makers || !matches!(item.install.mode, InstallMode::ArtifactOnly | InstallMode::None)
    }
}

fn link_rank(kind: LinkKind) -> u8 {
    match kind {
        LinkKind::Testflight => 0,
        LinkKind::AppStore | LinkKind::GooglePlay => 1,
        LinkKind::Web => 2,
    }
}

#[cfg(test)]
pub(super) mod tests;
