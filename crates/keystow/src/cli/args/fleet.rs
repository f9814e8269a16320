//! The arguments of `fleet` and `agent`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

#[derive(Args, Debug)]
pub(crate) struct FleetArgs {
    /// The organization, when you are in several
    #[arg(long, value_name = "NAME")]
    pub(crate) organization: Option<String>,
    #[command(subcommand)]
    pub(crate) command: FleetCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum FleetCommand {
    /// Make an organization; you become its owner
    Init {
        /// What it is called; the server does not see it
        name: String,
    },
    /// Invite a person: prints one line to hand over, good once
    Invite {
        /// What the person may do
        #[arg(long, value_enum)]
        role: RoleArg,
        /// What the organization calls the person
        #[arg(long)]
        name: String,
        /// How long the line is good, in days
        #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u64).range(1..=7))]
        days: u64,
        /// Write the line into this file, which only you can read
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Join an organization with the line that its owner gave you
    Join {
        /// Read the line from this file; without it, it is asked for
        #[arg(long, value_name = "FILE")]
        from: Option<PathBuf>,
    },
    /// The members; change a role or remove somebody
    Members {
        /// Remove this member
        #[arg(long, value_name = "NAME", conflicts_with = "role")]
        remove: Option<String>,
        /// Give a member another role: NAME=ROLE
        #[arg(long, value_name = "NAME=ROLE")]
        role: Option<String>,
    },
    /// Make a token by which machines enroll, in a file that only you can read
    Enroll {
        /// The file
        #[arg(long, value_name = "FILE", required_unless_present = "revoke")]
        out: Option<PathBuf>,
        /// How long it is good, in days
        #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=366))]
        days: u64,
        /// How many machines may enroll with it; any number without this
        #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..))]
        uses: Option<u64>,
        /// Withdraw a token: its name, as `fleet machines` shows it, or `all`
        #[arg(long, value_name = "TOKEN", conflicts_with_all = ["out", "uses"], allow_hyphen_values = true)]
        revoke: Option<String>,
    },
    /// Which machines reported, and when; the tokens that are good
    Machines {
        /// Remove a machine and its reports
        #[arg(long, value_name = "MACHINE", allow_hyphen_values = true)]
        remove: Option<String>,
    },
    /// What is on the machines: edition, channel, verdict, last five characters, copies, last report
    Inventory {
        /// Only these: generic, not-linked, same-key, channel=NAME, edition=NAME, verdict=NAME, name=TEXT, stale>DAYS
        #[arg(long, value_name = "EXPRESSION")]
        filter: Vec<String>,
        /// Read every report there ever was, and check that none is missing or was changed
        #[arg(long)]
        check: bool,
    },
    /// Write the inventory into a file
    Report {
        /// The format
        #[arg(long, value_enum, default_value_t = Table::Csv)]
        format: Table,
        /// The file
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// As in `fleet inventory`
        #[arg(long, value_name = "EXPRESSION")]
        filter: Vec<String>,
    },
    /// Write the files that Setup reads, a folder for each machine, with product keys in them
    Plan {
        /// One machine: its name, or the beginning of its id
        #[arg(long = "for", value_name = "MACHINE", required_unless_present = "all", allow_hyphen_values = true)]
        machine: Option<String>,
        /// Every machine
        #[arg(long, conflicts_with = "machine")]
        all: bool,
        /// The folder
        #[arg(long, value_name = "FOLDER")]
        out: PathBuf,
        /// Write the files even where other users can read them
        #[arg(long)]
        anyway: bool,
    },
    /// Who did what in the organization
    Audit {
        /// Take what the server has now, after it was restored from an older copy: says what is missing, and starts anew
        #[arg(long)]
        accept: bool,
    },
}

/// What a member may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum RoleArg {
    /// Reads the inventory and the audit log
    Auditor,
    /// Makes tokens, sees which machines reported when, and opens nothing
    Collector,
    /// Everything
    Owner,
}

/// Formats of the inventory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Table {
    Csv,
    Html,
    Json,
}

#[derive(Args, Debug)]
pub(crate) struct AgentArgs {
    #[command(subcommand)]
    pub(crate) command: AgentCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AgentCommand {
    /// Enroll this machine
    Enroll {
        /// The file that `keystow fleet enroll` wrote
        #[arg(long, value_name = "FILE")]
        token_file: PathBuf,
        /// Enroll anew where this machine is enrolled already
        #[arg(long)]
        again: bool,
        /// What the organization calls this machine, in place of its own name
        #[arg(long)]
        name: Option<String>,
    },
    /// Look at this PC and report, sealed to the organization
    Run {
        /// Report what is in this folder in place of this PC
        #[arg(long, value_name = "SOURCE")]
        from: Option<PathBuf>,
        /// Report once and end, as without `--every`
        #[arg(long, conflicts_with = "every")]
        once: bool,
        /// Go on, with a report every so many hours
        #[arg(long, value_name = "HOURS", value_parser = clap::value_parser!(u64).range(1..=8760))]
        every: Option<u64>,
    },
}
