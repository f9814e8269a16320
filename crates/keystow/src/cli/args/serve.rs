//! The arguments of `serve`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand};

const ON_DATA: &str = "Where it lies";

#[derive(Args, Debug)]
pub(crate) struct Serve {
    #[command(flatten)]
    pub(crate) server: Server,
    #[command(subcommand)]
    pub(crate) command: Option<ServeCommand>,
}

/// How the server is run. What is not given here is taken from the environment, then from the configuration file.
#[derive(Args, Debug)]
pub(crate) struct Server {
    /// A configuration file (TOML; the names of these options without dashes before them)
    #[arg(long, value_name = "FILE", env = "KEYSTOW_SERVE_CONFIG", hide_env_values = true, global = true)]
    pub(crate) config: Option<PathBuf>,
    /// The folder of the server: its secrets, its certificate, its database
    #[arg(long, value_name = "FOLDER", env = "KEYSTOW_SERVE_DATA", hide_env_values = true, global = true)]
    #[arg(help_heading = ON_DATA)]
    pub(crate) data: Option<PathBuf>,
    /// A PostgreSQL database in place of the embedded one: postgres://user@host/name
    #[arg(long, value_name = "ADDRESS", env = "KEYSTOW_SERVE_DATABASE", hide_env_values = true, global = true)]
    #[arg(help_heading = ON_DATA)]
    pub(crate) database: Option<String>,
    /// A file whose first line is the password of that database
    #[arg(
        long,
        value_name = "FILE",
        env = "KEYSTOW_SERVE_DATABASE_PASSWORD_FILE",
        hide_env_values = true,
        global = true
    )]
    #[arg(help_heading = ON_DATA)]
    pub(crate) database_password_file: Option<PathBuf>,
    /// Where to listen; without it 127.0.0.1:7878, this machine alone
    #[arg(long, value_name = "ADDRESS:PORT", env = "KEYSTOW_SERVE_LISTEN", hide_env_values = true)]
    pub(crate) listen: Option<SocketAddr>,
    /// A name of this machine, for the certificate that is made at the first start (may be repeated)
    #[arg(long = "name", value_name = "HOST")]
    pub(crate) names: Vec<String>,
    /// A certificate of your own (PEM)
    #[arg(long, value_name = "FILE", requires = "certificate_key")]
    pub(crate) certificate: Option<PathBuf>,
    /// Its key (PEM)
    #[arg(long, value_name = "FILE", requires = "certificate")]
    pub(crate) certificate_key: Option<PathBuf>,
    /// Speak plain HTTP, for a proxy on this machine that speaks HTTPS
    #[arg(long)]
    pub(crate) plain_http: bool,
    /// Take the address of who asks from that proxy's X-Forwarded-For
    #[arg(long)]
    pub(crate) behind_proxy: bool,
    /// Take no new accounts
    #[arg(long)]
    pub(crate) closed: bool,
    /// Sign-ins of one account in a minute (10)
    #[arg(long, value_name = "N")]
    pub(crate) account_per_minute: Option<u32>,
    /// Sign-ins and new accounts from one address in a minute (60)
    #[arg(long, value_name = "N")]
    pub(crate) address_per_minute: Option<u32>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ServeCommand {
    /// Check every record of the server
    Check,
    /// Copy the server, its secrets too, into a new folder; it may run meanwhile
    Backup {
        /// The folder
        #[arg(value_name = "FOLDER")]
        to: PathBuf,
    },
    /// Make a server out of such a copy
    Restore {
        /// The copy
        #[arg(value_name = "FOLDER")]
        from: PathBuf,
    },
    /// Print the description of the API (OpenAPI)
    Openapi,
}
