//! A client of a few lines, which shares no code with the ones under test.
//!
//! It speaks RESP2 and waits for one answer at a time. A server that says nothing is an error after the client's
//! patience, never a hang.

use std::{
    io::{self, BufRead, BufReader, ErrorKind, Read, Write},
    net::{Ipv4Addr, TcpStream},
    time::Duration,
};

/// How long a client waits for an answer unless told otherwise.
///
/// Far more than any server needs on a loaded machine: it ends a test that would hang, and no other.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a server said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Nothing under this key.
    Nil,
    /// A number.
    Int(i64),
    /// A status or a value.
    Text(Vec<u8>),
    /// Several replies.
    List(Vec<Reply>),
    /// A refusal, with its code in front.
    Error(String),
}

impl From<&str> for Reply {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

/// One connection, without TLS.
#[derive(Debug)]
pub struct Client(BufReader<TcpStream>);

impl Client {
    /// Connected to `port` on loopback.
    pub fn to(port: u16) -> io::Result<Self> {
        // a paused server takes connections until its backlog is full, and then none and refuses none
        let stream = TcpStream::connect_timeout(&(Ipv4Addr::LOCALHOST, port).into(), PATIENCE)?;
        stream.set_nodelay(true)?;
        let client = Self(BufReader::new(stream));
        client.waits(PATIENCE)?;
        Ok(client)
    }

    /// Every later answer is waited for this long.
    pub fn waits(&self, patience: Duration) -> io::Result<()> {
        self.0.get_ref().set_read_timeout(Some(patience))
    }

    /// The answer to one command. After an error the connection is of no more use.
    pub fn ask(&mut self, command: &[&str]) -> io::Result<Reply> {
        self.send(command)?;
        self.answer()
    }

    /// Sends a command and leaves its answer to `answer`.
    pub fn send(&mut self, command: &[&str]) -> io::Result<()> {
        let mut bytes = Vec::new();
        write!(bytes, "*{}\r\n", command.len())?;
        for word in command {
            write!(bytes, "${}\r\n{word}\r\n", word.len())?;
        }
        self.0.get_mut().write_all(&bytes)
    }

    /// The next answer.
    pub fn answer(&mut self) -> io::Result<Reply> {
        let line = self.line()?;
        let (kind, rest) = line.split_at_checked(1).ok_or_else(|| nonsense(&line))?;
        match kind {
            "+" => Ok(rest.into()),
            "-" => Ok(Reply::Error(rest.into())),
            ":" => Ok(Reply::Int(number(rest)?)),
            "$" => match usize::try_from(number(rest)?) {
                Ok(length) => Ok(Reply::Text(self.bytes(length)?)),
                Err(_) => Ok(Reply::Nil),
            },
            "*" => match usize::try_from(number(rest)?) {
                Ok(length) => Ok(Reply::List((0..length).map(|_| self.answer()).collect::<io::Result<_>>()?)),
                Err(_) => Ok(Reply::Nil),
            },
            _ => Err(nonsense(&line)),
        }
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        self.0.read_line(&mut line)?;
        match line.strip_suffix("\r\n") {
            Some(line) => Ok(line.into()),
            None => Err(ErrorKind::UnexpectedEof.into()),
        }
    }

    fn bytes(&mut self, length: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; length + 2];
        self.0.read_exact(&mut bytes)?;
        bytes.truncate(length);
        Ok(bytes)
    }
}

fn number(text: &str) -> io::Result<i64> {
    text.parse().map_err(|_| nonsense(text))
}

fn nonsense(text: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, format!("not RESP2: {text:?}"))
}
