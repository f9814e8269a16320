//! The arguments of every command. Help opens with examples; a secret is never an argument.

pub(crate) mod account;
pub(crate) mod fleet;
pub(crate) mod serve;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

const ON_WINDOWS: &str = "On the Windows that runs";

/// Find, explain, back up and restore Windows product keys
#[derive(Debug, Parser)]
#[command(name = "keystow", version, max_term_width = 100, disable_help_subcommand = true)]
#[command(before_help = "Examples:
  keystow scan                       what is on this PC
  keystow scan /mnt/old-disk         what is on a disk
  keystow backup --to /media/usb     keep it, sealed, in two places
  keystow restore k2 --for /mnt/new  give it back, if it fits there")]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) all: All,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command understands.
#[derive(Args, Debug)]
pub(crate) struct All {
    /// Print JSON for programs (stable names, a `schema` field, ASCII only)
    #[arg(long, global = true, help_heading = "Everywhere")]
    pub(crate) json: bool,
    /// No color and no special characters
    #[arg(long, global = true, help_heading = "Everywhere")]
    pub(crate) plain: bool,
    /// Only the result, no messages
    #[arg(long, short, global = true, help_heading = "Everywhere")]
    pub(crate) quiet: bool,
    /// Never ask; stop where an answer is needed
    #[arg(long, global = true, help_heading = "Everywhere")]
    pub(crate) no_input: bool,
    /// Say what would be done and do nothing
    #[arg(long, global = true, help_heading = "Everywhere")]
    pub(crate) dry_run: bool,
    /// Show product keys in full
    #[arg(long, global = true, help_heading = "Everywhere")]
    pub(crate) reveal: bool,
    /// Read the recovery phrase from the first line of this file
    #[arg(long, global = true, value_name = "FILE", help_heading = "Everywhere")]
    pub(crate) passphrase_file: Option<PathBuf>,
    /// Read the password of the account from the first line of this file
    #[arg(long, global = true, value_name = "FILE", help_heading = "Everywhere")]
    pub(crate) password_file: Option<PathBuf>,
    /// Speak in the console of this process (Windows, for `--elevate`)
    #[arg(long, global = true, hide = true)]
    pub(crate) console_of: Option<u32>,
    /// Keep everything in this folder (Windows, for `--elevate`)
    #[arg(long, global = true, hide = true)]
    pub(crate) data_folder: Option<PathBuf>,
    /// Use the vault in this folder in place of your own
    #[arg(long, global = true, value_name = "FOLDER", help_heading = "Everywhere")]
    pub(crate) vault: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Find product keys and licenses: on this PC, or in folders and files
    #[command(before_help = "Examples:
  keystow scan
  keystow scan /mnt/disk
  keystow scan SOFTWARE SYSTEM msdm.bin
  keystow scan --json export.reg")]
    Scan(Sources),
    /// Explain which product key is the one to keep, and why
    #[command(before_help = "Examples:
  keystow explain /mnt/disk")]
    Explain(Sources),
    /// Say what typed product keys are for, one a line
    #[command(before_help = "Examples:
  keystow identify keys.txt
  keystow identify --json < keys.txt")]
    Identify(Identify),
    /// Write encrypted copies to places and prove that each opens
    #[command(before_help = "Examples:
  keystow backup
  keystow backup /mnt/disk --to /media/usb")]
    Backup(Backup),
    /// Check every copy; with the recovery phrase, open every record
    #[command(before_help = "Examples:
  keystow verify
  keystow verify --repair
  keystow verify --open")]
    Verify(Verify),
    /// Link the license to a Microsoft account: prerequisites, the page, what you confirm
    #[command(before_help = "Examples:
  keystow link                  what is needed, and the page of Settings
  keystow link --confirm        you saw it there: write it down with the date")]
    Link(Link),
    /// Is it safe to wipe this PC? (exit 0 or 5)
    #[command(before_help = "Examples:
  keystow ready /mnt/disk --certificate wiped-42.txt")]
    Ready(Ready),
    /// Give a product key back: install and activate it, show it, export it, or write the files that Setup reads
    #[command(before_help = "Examples:
  keystow restore                          which license belongs on this PC
  keystow restore k1                       on Windows: compare, ask, install, activate
  keystow restore k1 --method settings     on Windows: by hand, without administrator rights
  keystow restore k1 --reveal
  keystow restore k1 --for /mnt/new-pc
  keystow restore k1 --setup /media/windows-usb")]
    Restore(Restore),
    /// List what is in the vault
    #[command(before_help = "Examples:
  keystow list
  keystow list --fits /mnt/new-pc
  keystow list --vault /media/usb/keystow-vault")]
    List(List),
    /// Show one item with its evidence
    Show(Show),
    /// Add a product key that you type
    #[command(before_help = "Examples:
  keystow add --note \"from the sticker\"
  keystow add --from key.txt")]
    Add(Add),
    /// Write items into a plain file
    #[command(before_help = "Examples:
  keystow export --format csv --output keys.csv")]
    Export(Export),
    /// Take over product keys from exports, CSV files and the reports of other finders
    #[command(before_help = "Examples:
  keystow import keys.csv produkey.txt")]
    Import(Import),
    /// Retire items; `vault prune` removes them after 90 days
    Forget(Forget),
    /// Does this product key fit that Windows? (exit 0 or 5)
    #[command(before_help = "Examples:
  keystow fit k1 --for /mnt/new-pc
  keystow fit --for Professional < key.txt")]
    Fit(Fit),
    /// Set up the vault and its places
    Vault(Vault),
    /// An account on a Keystow server: sign in on a new PC and the license is there
    #[command(before_help = "Examples:
  keystow account create anna@example.org --server https://keystow.example.org:7878 --pin PIN
  keystow account login anna@example.org --server https://keystow.example.org:7878 --pin PIN
  keystow account devices")]
    Account(account::AccountArgs),
    /// Run an account server: sealed records of people's vaults, for sign-in on a new PC
    #[command(before_help = "Examples:
  keystow serve                                       for this machine; prints the pin
  keystow serve --listen 0.0.0.0:7878 --name keystow.example.org
  keystow serve check
  keystow serve backup /media/usb/server-copy")]
    Serve(serve::Serve),
    /// The machines of an organization: who holds which license, and the files to set them up again
    #[command(before_help = "Examples:
  keystow fleet init \"Example School\"
  keystow fleet enroll --out token.txt               for the machines
  keystow fleet inventory --filter generic --filter not-linked
  keystow fleet plan --for PC-42 --out /media/usb")]
    Fleet(fleet::FleetArgs),
    /// A machine of an organization: enroll once, then report, unattended
    #[command(before_help = "Examples:
  keystow agent enroll --token-file token.txt
  keystow agent run")]
    Agent(fleet::AgentArgs),
    /// What works here and what does not
    Doctor,
    /// Print completions for a shell
    Completions(Completions),
    /// Print the manual page, or write all of them into a folder
    Man(Man),
}

#[derive(Args, Debug)]
pub(crate) struct Sources {
    /// Folders and files to look in; without one, this PC
    #[arg(value_name = "SOURCE")]
    pub(crate) sources: Vec<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct Identify {
    /// A file with one product key a line; without one, standard input
    pub(crate) file: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct Backup {
    /// Folders and files to look in; without one, this PC
    #[arg(value_name = "SOURCE")]
    pub(crate) sources: Vec<PathBuf>,
    /// A folder on another disk to keep a copy in (may be repeated)
    #[arg(long, value_name = "PLACE")]
    pub(crate) to: Vec<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct Verify {
    /// Heal damaged copies from good ones
    #[arg(long)]
    pub(crate) repair: bool,
    /// Ask for the recovery phrase and open every record of every copy
    #[arg(long)]
    pub(crate) open: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Ready {
    /// Folders and files to look in; without one, this PC
    #[arg(value_name = "SOURCE")]
    pub(crate) sources: Vec<PathBuf>,
    /// Write what was checked into this file
    #[arg(long, value_name = "FILE")]
    pub(crate) certificate: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct Restore {
    /// The item: its name in `list`, its id, or its last five characters; without one, what belongs on this PC is shown
    pub(crate) item: Option<String>,
    /// The Windows it is for: a folder, a hive, an edition such as Professional, or `live` for the one that runs
    #[arg(long = "for", value_name = "WINDOWS")]
    pub(crate) windows: Option<String>,
    /// Write unattend.xml, PID.txt and ei.cfg into this folder
    #[arg(long, value_name = "FOLDER", conflicts_with = "export")]
    pub(crate) setup: Option<PathBuf>,
    /// Write the product key into this file
    #[arg(long, value_name = "FILE")]
    pub(crate) export: Option<PathBuf>,
    /// The format of that file
    #[arg(long, value_enum, default_value_t = Format::Txt)]
    pub(crate) format: Format,
    /// Write plain files even where other users can read them
    #[arg(long)]
    pub(crate) anyway: bool,
    #[command(flatten)]
    pub(crate) install: Install,
}

/// How `restore` gives a product key to the Windows that runs.
#[derive(Args, Debug)]
pub(crate) struct Install {
    /// The way
    #[arg(long, value_enum, help_heading = ON_WINDOWS)]
    pub(crate) method: Option<Method>,
    /// Put back what was there before the last product key that Keystow installed
    #[arg(long, conflicts_with = "item", help_heading = ON_WINDOWS)]
    pub(crate) undo: bool,
    /// Do not ask before installing
    #[arg(long, short, help_heading = ON_WINDOWS)]
    pub(crate) yes: bool,
    /// Agree that Windows becomes another edition
    #[arg(long, help_heading = ON_WINDOWS)]
    pub(crate) upgrade: bool,
    /// State that this is the PC that the license came with
    #[arg(long, help_heading = ON_WINDOWS)]
    pub(crate) same_pc: bool,
    /// State that the mainboard was replaced in a repair, by one of the same model
    #[arg(long, help_heading = ON_WINDOWS)]
    pub(crate) repaired: bool,
    /// Ask for administrator rights once (UAC)
    #[arg(long, help_heading = ON_WINDOWS)]
    pub(crate) elevate: bool,
    /// How long the license service may take for each step that changes something, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 180, help_heading = ON_WINDOWS)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) timeout: u64,
    /// The confirmation ID that Microsoft gave for the installation ID: 48 digits
    #[arg(long, value_name = "DIGITS", help_heading = ON_WINDOWS)]
    pub(crate) confirmation_id: Option<String>,
    /// Keep the confirmation ID with the item, for another installation on unchanged hardware
    #[arg(long, help_heading = ON_WINDOWS)]
    pub(crate) save_cid: bool,
}

/// Ways to give a product key to the Windows that runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Method {
    /// Install it and activate by telephone or on another device
    Offline,
    /// Install it and activate over the network
    Service,
    /// Lend it to the clipboard for 45 seconds and open the page of Settings
    Settings,
}

#[derive(Args, Debug)]
pub(crate) struct List {
    /// Only what fits this Windows: a folder, a hive, or an edition
    #[arg(long, value_name = "WINDOWS")]
    pub(crate) fits: Option<String>,
    /// Retired items too
    #[arg(long)]
    pub(crate) retired: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Show {
    /// The item: its name in `list`, its id, or its last five characters
    pub(crate) item: String,
}

#[derive(Args, Debug)]
pub(crate) struct Add {
    /// Read the product key from this file in place of asking
    #[arg(long, value_name = "FILE")]
    pub(crate) from: Option<PathBuf>,
    /// What it is for, in your words
    #[arg(long, value_name = "TEXT")]
    pub(crate) product: Option<String>,
    /// Anything you want to remember with it
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(crate) note: String,
}

#[derive(Args, Debug)]
pub(crate) struct Export {
    /// The items; without one, all
    #[arg(value_name = "ITEM")]
    pub(crate) items: Vec<String>,
    /// The format
    #[arg(long, value_enum, default_value_t = Format::Txt)]
    pub(crate) format: Format,
    /// The file to write, with full product keys; without it, standard output, masked
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Write the file even where other users can read it
    #[arg(long)]
    pub(crate) anyway: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Import {
    /// Files to read
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct Link {
    /// Write down that Settings says the license is linked to your Microsoft account
    #[arg(long)]
    pub(crate) confirm: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Forget {
    /// The items
    #[arg(value_name = "ITEM", required = true)]
    pub(crate) items: Vec<String>,
}

#[derive(Args, Debug)]
pub(crate) struct Fit {
    /// The item; without one, a product key is asked for or read from standard input
    pub(crate) item: Option<String>,
    /// The Windows: a folder, a hive, or an edition such as Professional
    #[arg(long = "for", value_name = "WINDOWS")]
    pub(crate) windows: String,
}

#[derive(Args, Debug)]
pub(crate) struct Vault {
    #[command(subcommand)]
    pub(crate) command: VaultCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum VaultCommand {
    /// Make a vault, with copies in these places too
    Init {
        /// A folder on another disk to keep a copy in
        #[arg(value_name = "PLACE")]
        places: Vec<PathBuf>,
    },
    /// Places: where copies lie
    Place {
        #[command(subcommand)]
        command: PlaceCommand,
    },
    /// Change the recovery phrase
    Rekey {
        /// Read the new passphrase from the first line of this file; without it, six words are made
        #[arg(long, value_name = "FILE")]
        new_passphrase_file: Option<PathBuf>,
    },
    /// Remove what was retired more than 90 days ago
    Prune,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PlaceCommand {
    /// Put a copy into another place
    Add {
        /// A folder on another disk
        place: PathBuf,
    },
    /// Say where copies lie and how good each place is
    List,
    /// Stop writing to a place; the copy there stays
    Remove {
        /// The place
        place: PathBuf,
    },
}

#[derive(Args, Debug)]
pub(crate) struct Completions {
    /// The shell
    pub(crate) shell: clap_complete::Shell,
}

#[derive(Args, Debug)]
pub(crate) struct Man {
    /// Write a page for every command into this folder
    #[arg(long, value_name = "FOLDER")]
    pub(crate) output: Option<PathBuf>,
    /// Print the command reference of the documentation instead
    #[arg(long, conflicts_with = "output", hide = true)]
    pub(crate) markdown: bool,
}

/// Formats that `export` and `restore` write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Csv,
    Json,
    Txt,
}
