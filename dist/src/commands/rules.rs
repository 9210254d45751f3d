//! `dist app rules`: what an app asks of its artifacts and channels.

use std::io::Read;
use std::path::PathBuf;
use std::{fs, io};

use clap::Args;
use protocol::{AppRules, ChannelName, ErrorCode, GateCode, Level, Platform, Property, Soak, paths};

use super::parse_app;
use crate::client::Client;
use crate::error::CliError;
use crate::session::Session;
use crate::ui::{Align, Look, Table, parse_seconds};

/// Show or change what an app asks of its artifacts and channels
///
/// Without a change, shows. An app learns ids and signers from the first release of each platform; a later release that has others
/// is refused. PLATFORM.PROPERTY is such as android.signers: properties are ids, teams and signers. Levels are block, warn and off.
#[derive(Debug, Args)]
pub(crate) struct RulesArgs {
    /// The app
    slug: String,
    /// Allow one more value. Repeatable
    #[arg(long, value_name = "PLATFORM.PROPERTY=VALUE", value_parser = parse_value)]
    allow: Vec<(Platform, Property, String)>,
    /// Allow a value no longer; without any, nothing passes. Repeatable
    #[arg(long, value_name = "PLATFORM.PROPERTY=VALUE", value_parser = parse_value)]
    forbid: Vec<(Platform, Property, String)>,
    /// Allow any value. Repeatable
    #[arg(long, value_name = "PLATFORM.PROPERTY", value_parser = parse_property)]
    any: Vec<(Platform, Property)>,
    /// What a channel does about a gate, or about a gate of one platform, such as stable.macos-unsigned=block. Repeatable
    ///
    /// Gates are soak-too-short, build-not-rising, signer-changed, profile-expired, profile-expiring, platform-absent, unsigned,
    /// debuggable, unstapled, minimum-os-raised, permissions-added and entitlements-added.
    #[arg(long, value_name = "CHANNEL.GATE=LEVEL", value_parser = parse_gate)]
    gate: Vec<(ChannelName, GateCode, Level)>,
    /// How long a release is on another channel before it comes onto this one, such as stable=beta:24h. Repeatable
    #[arg(long, value_name = "CHANNEL=CHANNEL:TIME", value_parser = parse_soak)]
    soak: Vec<(ChannelName, Soak)>,
    /// Ask for no time on another channel any more. Repeatable
    #[arg(long, value_name = "CHANNEL")]
    no_soak: Vec<ChannelName>,
    /// What happens where the version or build inside an artifact is not the release's
    #[arg(long, value_name = "LEVEL")]
    version_mismatch: Option<Level>,
    /// Replace all rules by a JSON document; - is standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["allow", "forbid", "any", "gate", "soak", "no_soak", "version_mismatch"])]
    from: Option<PathBuf>,
}

/// Runs `dist app rules`.
///
/// # Errors
/// What the server refuses, or a document that holds no rules.
pub(crate) async fn run(args: &RulesArgs, session: &Session) -> Result<(), CliError> {
    let app = parse_app(&args.slug)?;
    let client: Client = session.client()?;
    let path = paths::rules(&app);
    let wanted = if let Some(file) = &args.from {
        read_rules(file)?
    } else {
        let current: AppRules = client.get(&path).await?;
        if !args.changes_something() {
            return session.output.answer(&current, render);
        }
        args.change(current)
    };
    let rules: AppRules = client.put(&path, &wanted).await?;
    session.output.answer(&rules, render)
}

impl RulesArgs {
    fn changes_something(&self) -> bool {
        let is_empty = self.allow.is_empty() && self.forbid.is_empty() && self.any.is_empty() && self.gate.is_empty();
        !is_empty || !self.soak.is_empty() || !self.no_soak.is_empty() || self.version_mismatch.is_some()
    }

    fn change(&self, mut rules: AppRules) -> AppRules {
        for (platform, property, value) in &self.allow {
            let identity = rules.identity.entry(*platform).or_default();
            identity.0.entry(*property).or_default().insert(value.clone());
        }
        for (platform, property, value) in &self.forbid {
            if let Some(values) = rules.identity.get_mut(platform).and_then(|identity| identity.0.get_mut(property)) {
                values.remove(value);
            }
        }
        for (platform, property) in &self.any {
            rules.identity.entry(*platform).or_default().0.remove(property);
        }
        for (channel, gate, level) in &self.gate {
            rules.gates.entry(channel.clone()).or_default().insert(*gate, *level);
        }
        rules.soak.extend(self.soak.iter().cloned());
        rules.soak.retain(|channel, _| !self.no_soak.contains(channel));
        rules.version_mismatch = self.version_mismatch.or(rules.version_mismatch);
        rules
    }
}

fn read_rules(file: &PathBuf) -> Result<AppRules, CliError> {
    let mut text = String::new();
    let read = if file.as_os_str() == "-" {
        io::stdin().read_to_string(&mut text).map(|_| ())
    } else {
        fs::read_to_string(file).map(|found| text = found)
    };
    read.map_err(|error| CliError::io("read", file, error))?;
    serde_json::from_str(&text)
        .map_err(|error| CliError::new(ErrorCode::RulesInvalid, format!("{}: {error}", file.display())))
}

fn parse_property(text: &str) -> Result<(Platform, Property), String> {
    let (platform, property) = text.split_once('.').ok_or("write PLATFORM.PROPERTY, such as android.signers")?;
    let platform = platform.parse().map_err(|error| format!("{error}"))?;
    Ok((platform, property.parse().map_err(|error| format!("{error}"))?))
}

fn parse_value(text: &str) -> Result<(Platform, Property, String), String> {
    let (what, value) = text.split_once('=').ok_or("write PLATFORM.PROPERTY=VALUE, such as android.ids=com.acme")?;
    let (platform, property) = parse_property(what)?;
    if value.is_empty() { Err("the value is empty".to_owned()) } else { Ok((platform, property, value.to_owned())) }
}

fn parse_soak(text: &str) -> Result<(ChannelName, Soak), String> {
    let parts = text.split_once('=').and_then(|(channel, rest)| Some((channel, rest.split_once(':')?)));
    let (channel, (on, time)) = parts.ok_or("write CHANNEL=CHANNEL:TIME, such as stable=beta:24h")?;
    let channel = channel.parse().map_err(|error| format!("{error}"))?;
    let on = on.parse().map_err(|error| format!("{error}"))?;
    let seconds = u32::try_from(parse_seconds(time)?).map_err(|_| "that is too long".to_owned())?;
    Ok((channel, Soak { on, seconds }))
}

fn parse_gate(text: &str) -> Result<(ChannelName, GateCode, Level), String> {
    let parts = text.split_once('=').and_then(|(what, level)| Some((what.rsplit_once('.')?, level)));
    let ((channel, gate), level) = parts.ok_or("write CHANNEL.GATE=LEVEL, such as stable.unsigned=block")?;
    let channel = channel.parse().map_err(|error| format!("{error}"))?;
    let gate = gate.parse().map_err(|error| format!("{error}"))?;
    Ok((channel, gate, level.parse().map_err(|error| format!("{error}"))?))
}

fn render(look: &Look, rules: &AppRules) -> String {
    let mut table = Table::new(&[("rule", Align::Left), ("is", Align::Left)]);
    for (platform, identity) in &rules.identity {
        for (property, values) in &identity.0 {
            let values: Vec<&str> = values.iter().map(String::as_str).collect();
            table.row([format!("{platform}.{property}"), values.join(", ")]);
        }
    }
    for (channel, gates) in &rules.gates {
        for (gate, level) in gates {
            table.row([format!("{channel}.{gate}"), level.to_string()]);
        }
    }
    for (channel, soak) in &rules.soak {
        table.row([format!("{channel} soak"), format!("{} s on {}", soak.seconds, soak.on)]);
    }
    for (channel, access) in &rules.access {
        table.row([format!("{channel} access"), access.to_string()]);
    }
    table.row(["version mismatch".to_owned(), rules.version_mismatch().to_string()]);
    table.render(look)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_the_command_line_are_read_and_refused() {
        let allowed = (Platform::Android, Property::Ids, "com.acme=1".to_owned());
        assert_eq!(parse_value("android.ids=com.acme=1").unwrap(), allowed);
        assert_eq!(parse_gate("stable.macos-unsigned=block").unwrap().1.to_string(), "macos-unsigned");
        assert_eq!(parse_soak("stable=beta:24h").unwrap().1, Soak { on: "beta".parse().unwrap(), seconds: 86_400 });
        for bad in ["stable", "stable=beta", "stable=beta:soon", "Stable=beta:1h", "stable=:1h"] {
            assert!(parse_soak(bad).is_err(), "{bad}");
        }
        for bad in ["android.ids", "android=1", "phone.ids=1", "android.id=1", "android.ids="] {
            assert!(parse_value(bad).is_err(), "{bad}");
        }
        for bad in ["stable=block", "stable.unsigned", "stable.unsigned=maybe", "Stable.unsigned=off"] {
            assert!(parse_gate(bad).is_err(), "{bad}");
        }
    }
}
