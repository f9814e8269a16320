//! `keystow completions`, `keystow man`: what the arguments say, for shells and readers.

use std::fmt::Write as _;

use clap::{Arg, Command, CommandFactory};

use super::args::{Cli, Completions, Man};
use super::failure::{Failure, Outcome};
use super::out::Out;
use crate::app::App;

pub(super) fn completions(args: &Completions, out: &mut Out) -> Result<Outcome, Failure> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "keystow", &mut text);
    out.text(&String::from_utf8_lossy(&text))?;
    Ok(Outcome::Done)
}

pub(super) fn man(args: &Man, app: &App, out: &mut Out) -> Result<Outcome, Failure> {
    let mut command = Cli::command();
    command.build();
    if args.markdown {
        out.text(&markdown(&command))?;
    } else if let Some(folder) = &args.output {
        if app.dry_run {
            out.line(format_args!("Dry run: the manual pages would go into {}.", folder.display()))?;
            return Ok(Outcome::Done);
        }
        std::fs::create_dir_all(folder)?;
        clap_mangen::generate_to(command, folder)?;
        out.line(format_args!("The manual pages are in {}.", folder.display()))?;
    } else {
        let mut page = Vec::new();
        clap_mangen::Man::new(command).render(&mut page)?;
        out.text(&String::from_utf8_lossy(&page))?;
    }
    Ok(Outcome::Done)
}

/// The command reference, `docs/cli.md`.
fn markdown(command: &Command) -> String {
    let mut text = String::from(
        "# Commands\n\nMade by `keystow man --markdown` from the program itself; `cargo xtask test` compares.\n\n\
         Exit codes: 0 done · 1 failed · 2 usage · 3 partly done · 4 nothing found · 5 the answer is no · 10 not found · \
         11 locked by another run · 12 wrong phrase · 13 damaged · 14 more rights needed · 15 source locked · 16 does not \
         fit · 17 belongs to another mainboard · 18 activation refused · 19 network needed · 20 forbidden by policy · 130 interrupted\n\n## Everywhere\n\n",
    );
    arguments(command, true, &mut text);
    for sub in command.get_subcommands() {
        section(sub, "keystow", &mut text);
    }
    text
}

fn section(command: &Command, parent: &str, text: &mut String) {
    let name = format!("{parent} {}", command.get_name());
    if command.get_name() == "help" {
        return;
    }
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    let _ = writeln!(text, "\n## `{name}`\n\n{about}.\n");
    if let Some(examples) = command.get_before_help() {
        let _ = writeln!(text, "```\n{examples}\n```\n");
    }
    arguments(command, false, text);
    for sub in command.get_subcommands() {
        section(sub, &name, text);
    }
}

fn arguments(command: &Command, global: bool, text: &mut String) {
    let everywhere = |arg: &Arg| arg.is_global_set() && arg.get_help_heading() == Some("Everywhere");
    let shown = |arg: &&Arg| everywhere(arg) == global && !arg.is_hide_set();
    let own = |arg: &&Arg| !matches!(arg.get_id().as_str(), "help" | "version");
    for arg in command.get_arguments().filter(shown).filter(own) {
        let value = arg.get_value_names().and_then(|names| names.first()).map(ToString::to_string);
        let value = value.filter(|_| arg.get_action().takes_values());
        let name = match (arg.get_long(), value) {
            (Some(long), Some(value)) => format!("--{long} {value}"),
            (Some(long), None) => format!("--{long}"),
            (None, value) => value.unwrap_or_else(|| arg.get_id().to_string()),
        };
        let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
        let _ = writeln!(text, "- `{name}`: {help}");
    }
}
