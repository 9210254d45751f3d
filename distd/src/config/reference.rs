//! The page about the configuration, from the options themselves.

use std::fmt::Write as _;

use clap::{Arg, Command};

use super::{RELOADED, SERVE, key, keys};

const INTRODUCTION: &str = "\
<!-- Printed by `distd config reference`; written by `cargo xtask docs`. -->
# Configuration

Nothing has to be configured for a first start. What is, comes from four layers; the first that says something
wins:

1. the command line: `distd serve --public-url https://dist.example.com`
2. the environment: `DISTD_PUBLIC_URL=https://dist.example.com`
3. the file `config/distd.toml` in the data directory: `public_url = \"https://dist.example.com\"`
4. the default

The file has one line for each option, with its name on the command line and `_` for `-`; values are written as on the
command line, in quotes unless they are numbers, `true` or `false`. Where an option may be repeated it takes a list.
`--config FILE` (`DISTD_CONFIG`) reads another file.

```toml
public_url    = \"https://dist.example.com\"
trusted_proxy = [\"172.16.0.0/12\"]
reserve_mib   = 5120
log_days      = 14
```

`distd config check` says whether a server would start with all this, every fault with its line; it makes and changes
nothing. `distd config show` says what is in force and where each value comes from. `distd gc`, `distd healthcheck` and
others take from the file what they share with `distd serve`.

A running server reads everything again at SIGHUP (`kill -HUP`, `docker kill --signal HUP dist`) and logs what took
effect; what is marked ↻ does, the rest at the next start. Certificates are read again then, too, and within a minute
after they change. Where something is wrong the server goes on as before and logs what.

## Options

";

const CODES: &str = "
## When it does not start

| exit code | why |
|---|---|
| 2 | the command line or a variable is not understood |
| 3 | the configuration says what cannot be |
| 4 | the data directory cannot be used; the message says who runs, whose it is and what mends it |
| 5 | another `distd` serves the data directory |
| 6 | a newer version has written it |
| 7 | the address cannot be listened on |
| 8 | the clock is more than a day behind the newest audit event |
| 1 | anything else |
";

/// The whole page.
pub(crate) fn page(command: &Command) -> String {
    let serve = command.find_subcommand(SERVE).expect("there is a command that serves");
    let mut page = INTRODUCTION.to_owned() + "| key | variable | default | |\n|---|---|---|---|\n";
    for arg in keys(serve) {
        let (key, default) = (key(arg).unwrap_or_default(), default(arg));
        let variable = arg.get_env().unwrap_or_default().to_string_lossy();
        let mark = if RELOADED.contains(&key.as_str()) { " ↻" } else { "" };
        let help = arg.get_help().map(ToString::to_string).unwrap_or_default().replace('|', "\\|");
        let _ = writeln!(page, "| `{key}`{mark} | `{variable}` | {default} | {help} |");
    }
    page + CODES
}

fn default(arg: &Arg) -> String {
    let texts: Vec<_> = arg.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
    if texts.is_empty() { String::new() } else { format!("`{}`", texts.join(",")) }
}
