//! From the command line to servers that answer.

use crate::{failure::Failure, options::Options};
use cachify::{
    Cachify, Cause,
    cachify_core::key::{AsKey, KeySink, Text},
    tool::{Master, Place, Servers, why},
};
use redis::{Cmd, Connection, ConnectionLike, Value};
use std::time::Duration;

/// How long a server may take for one answer, or to be reached.
const LIMIT: Duration = Duration::from_secs(5);

/// An instance over the servers, and the servers themselves.
pub(crate) struct Fleet {
    pub(crate) instance: Cachify,
    servers: Servers,
}

/// One server, connected.
pub(crate) struct Node {
    pub(crate) address: String,
    connection: Connection,
}

/// The servers of a command line. Nothing is sent yet.
pub(crate) fn fleet(options: &Options) -> Result<Fleet, Failure> {
    let mut builder = Cachify::builder().env()?;
    match &options.url {
        Some(url) => builder = builder.redis(url),
        None if std::env::var_os("CACHIFY_URL").is_some() => {}
        None => return Err(Failure::Wrong("no server is named: set CACHIFY_URL, or say --url".into())),
    }
    let (instance, servers) = builder.build_with_servers(options.prefix.clone())?;
    Ok(Fleet { instance, servers })
}

impl Fleet {
    pub(crate) fn prefix(&self) -> &str {
        &self.servers.prefix
    }

    /// All servers that have keys.
    pub(crate) fn masters(&self) -> Result<Vec<Master>, Failure> {
        Ok(self.servers.masters(LIMIT)?)
    }

    /// Whoever has the key of that name.
    pub(crate) fn node_of(&self, place: &Place) -> Result<Node, Failure> {
        let (name, masters) = (place.name(self.prefix()), self.masters()?);
        let serves = masters.iter().find(|master| master.serves(&name));
        Node::of(serves.ok_or_else(|| Failure::Server("no node of the cluster serves this key's slot".into()))?)
    }

    /// A key of the command line: as it is shown, or the whole name that the server has.
    pub(crate) fn place<'k>(&self, key: &'k str) -> Result<Place, &'k str> {
        Place::of(self.prefix(), key).filter(|place| place.record.is_empty()).ok_or(key)
    }
}

impl Node {
    pub(crate) fn of(master: &Master) -> Result<Self, Failure> {
        let connection = master.connect(LIMIT).map_err(|cause| Failure::at(&master.address, cause))?;
        Ok(Self { address: master.address.clone(), connection })
    }

    /// The answers to some commands, refusals among them.
    pub(crate) fn ask(&mut self, commands: &[Cmd]) -> Result<Vec<Value>, Failure> {
        if commands.is_empty() {
            return Ok(Vec::new());
        }
        let packed: Vec<_> = commands.iter().flat_map(Cmd::get_packed_command).collect();
        let answers = self.connection.req_packed_commands(&packed, 0, commands.len());
        answers.map_err(|error| Failure::at(&self.address, why(&error)))
    }

    /// The answer to one; what was refused is an error.
    pub(crate) fn one(&mut self, command: &Cmd) -> Result<Result<Value, Cause>, Failure> {
        let mut answers = self.ask(std::slice::from_ref(command))?;
        let answer = answers.pop().unwrap_or(Value::Nil);
        Ok(answer.extract_error().map_err(|error| why(&error)))
    }
}

/// A command of some words.
pub(crate) fn command(words: &[&str]) -> Cmd {
    let mut command = redis::cmd(words[0]);
    command.arg(&words[1..]);
    command
}

/// A key as it is, whatever stands in it: it was rendered by whoever uses it.
pub(crate) struct Rendered<'k>(pub(crate) &'k str);

impl AsKey for Rendered<'_> {
    fn render_key(&self, out: &mut impl KeySink) {
        out.put_text(Text::of(self.0));
    }
}
