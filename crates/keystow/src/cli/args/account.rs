//! The arguments of `account`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Args, Debug)]
pub(crate) struct AccountArgs {
    #[command(subcommand)]
    pub(crate) command: AccountCommand,
}

/// Which server and account.
#[derive(Args, Debug)]
pub(crate) struct Where {
    /// The account's name, such as a mail address; mail is never sent
    pub(crate) name: Option<String>,
    /// The server: https://host:port
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) server: Option<String>,
    /// The pin of its certificate, as the server prints it at its start
    #[arg(long, value_name = "PIN", allow_hyphen_values = true)]
    pub(crate) pin: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AccountCommand {
    /// Make an account, and put the vault of this PC into it
    Create(Where),
    /// Sign in on this PC, and see which license belongs here
    Login {
        #[command(flatten)]
        at: Where,
        /// Be let in by a device that is signed in, in place of the password
        #[arg(long)]
        by_device: bool,
    },
    /// Sign this PC out
    Logout,
    /// How the account stands
    Status,
    /// The devices that are signed in
    Devices,
    /// Name a device
    Rename {
        /// The device, as `devices` names it
        device: String,
        /// Its new name
        name: String,
    },
    /// Let a new device in that shows this code
    Approve {
        /// The code; without it, it is asked for
        code: Option<String>,
    },
    /// Sign another device out
    Revoke {
        /// The device, as `devices` names it
        device: String,
    },
    /// Get back in with the recovery code and choose a new password
    Recovery {
        #[command(flatten)]
        at: Where,
        /// Read the recovery code from the first line of this file
        #[arg(long, value_name = "FILE")]
        code_file: Option<PathBuf>,
        /// Read the new password from the first line of this file
        #[arg(long, value_name = "FILE")]
        new_password_file: Option<PathBuf>,
        /// Make a new recovery code instead; the old one ends
        #[arg(long, conflicts_with_all = ["code_file", "new_password_file"])]
        new_code: bool,
    },
    /// Change the password; all other devices are signed out
    Password {
        /// Read the new password from the first line of this file
        #[arg(long, value_name = "FILE")]
        new_password_file: Option<PathBuf>,
    },
    /// Delete the account, in seven days
    Delete {
        /// Do not delete it after all
        #[arg(long)]
        keep: bool,
    },
}
