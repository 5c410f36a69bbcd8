//! The command line. Its documentation is the tool's help, which knows no backticks.
#![allow(clippy::doc_markdown, reason = "names of variables stand in the help as they are")]

use cachify::cachify_core::key::Kind;
use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

const AFTER: &str = "\
The server is that of --url, else of the variable CACHIFY_URL, in the forms that the library takes: redis://host:port,
rediss://.., redis+cluster://a,b,c, redis+sentinel://a,b/service. A password belongs into CACHIFY_URL: what stands on a
command line is shown by ps, and kept by the shell.

Exit codes: 0 done; 1 not found, refused, or (doctor) something is to be changed; 2 wrong use; 3 a server failed.

  export CACHIFY_URL=redis://localhost:6379
  cachify ls                       all that is held, done and kept
  cachify ls 'order:*' --kind lock
  cachify inspect order:7
  cachify force-release order:7
  cachify doctor";

/// Shows who holds what, since when and who waits, on the Redis or Valkey of programs that use cachify.
#[derive(Debug, Parser)]
#[command(name = "cachify", version, after_help = AFTER, max_term_width = 110, infer_subcommands = false)]
pub(crate) struct Options {
    /// Where the servers are; CACHIFY_URL unless said
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) url: Option<String>,
    /// What the program's keys begin with; that of the URL, CACHIFY_PREFIX or `cachify` unless said
    #[arg(long, global = true, value_name = "TEXT")]
    pub(crate) prefix: Option<String>,
    /// Says it in JSON: one object a line
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Lists what is held, done and kept
    Ls(Listed),
    /// Shows all that is known of one key: who holds it, who waits
    Inspect(Inspected),
    /// Says what changes from look to look, until it is interrupted
    Watch(Watched),
    /// A live table: who holds what the longest, and who waits
    Top(Topped),
    /// Counts keys by kind and by what they begin with; says what each server says of itself
    Stats(Bounds),
    /// Takes a lock or a run from whoever holds it, or forgets that a run is done
    #[command(name = "force-release")]
    ForceRelease(Forced),
    /// Forgets a cached value, or all values of a group
    Reset(Forgotten),
    /// Finds what is wrong with a server, and says what to change
    Doctor,
    /// Writes what a shell needs to complete commands
    Completions {
        /// Which shell
        shell: Shell,
    },
    /// Writes the manual page
    Man,
}

/// What a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum KindName {
    Lock,
    Once,
    Pool,
    Cache,
}

/// What can be taken away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Forcible {
    Lock,
    Once,
}

impl KindName {
    pub(crate) const fn kind(self) -> Kind {
        match self {
            Self::Lock => Kind::Lock,
            Self::Once => Kind::Once,
            Self::Pool => Kind::Pool,
            Self::Cache => Kind::Cache,
        }
    }
}

/// How much work it may be.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Bounds {
    /// How many keys of a server are looked at, at most; 0 for all
    #[arg(long, value_name = "KEYS", default_value_t = 100_000)]
    pub(crate) look: u64,
}

/// Which keys.
#[derive(Clone, Debug, Args)]
pub(crate) struct Filter {
    /// Which keys: `*` stands for any text, `?` for one character
    pub(crate) pattern: Option<String>,
    /// Only these kinds
    #[arg(long, value_delimiter = ',', value_name = "KIND,..")]
    pub(crate) kind: Vec<KindName>,
    #[command(flatten)]
    pub(crate) bounds: Bounds,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct Listed {
    #[command(flatten)]
    pub(crate) filter: Filter,
    /// Also what nobody holds: what was given back is remembered for a minute
    #[arg(long)]
    pub(crate) all: bool,
    /// How many are listed, at most; 0 for all
    #[arg(long, value_name = "ROWS", default_value_t = 1_000)]
    pub(crate) limit: usize,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct Inspected {
    /// The key as `ls` shows it, or the whole name that the server has
    pub(crate) key: String,
    /// Only these kinds
    #[arg(long, value_delimiter = ',', value_name = "KIND,..")]
    pub(crate) kind: Vec<KindName>,
    /// The group of a cached value
    #[arg(long, value_name = "NAME")]
    pub(crate) group: Option<String>,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct Watched {
    #[command(flatten)]
    pub(crate) filter: Filter,
    /// Seconds from look to look
    #[arg(long, value_name = "SECONDS", default_value_t = 1.0, value_parser = seconds)]
    pub(crate) every: f64,
    /// Ends after so many looks; 0 for never
    #[arg(long, value_name = "TIMES", default_value_t = 0)]
    pub(crate) looks: u64,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct Topped {
    #[command(flatten)]
    pub(crate) filter: Filter,
    /// Seconds from look to look
    #[arg(long, value_name = "SECONDS", default_value_t = 1.0, value_parser = seconds)]
    pub(crate) every: f64,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct Forced {
    /// The key as `ls` shows it, or the whole name that the server has
    pub(crate) key: String,
    /// Which, where both are held
    #[arg(long)]
    pub(crate) kind: Option<Forcible>,
    /// Does not ask
    #[arg(long)]
    pub(crate) yes: bool,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct Forgotten {
    /// The key as `ls` shows it, or the whole name that the server has
    #[arg(required_unless_present = "group")]
    pub(crate) key: Option<String>,
    /// All values of this group; with a key that one of the group
    #[arg(long, value_name = "NAME")]
    pub(crate) group: Option<String>,
    /// Does not ask
    #[arg(long)]
    pub(crate) yes: bool,
}

fn seconds(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|number| (0.1..=3_600.0).contains(number));
    number.ok_or_else(|| "seconds are a number from 0.1 to 3600".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_whole() {
        Options::command().debug_assert();
    }

    #[test]
    fn an_interval_is_neither_never_nor_at_once() {
        assert_eq!((seconds("0.5"), seconds("3600")), (Ok(0.5), Ok(3_600.0)));
        for wrong in ["0", "-1", "NaN", "inf", "x", ""] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }
}
