//! The gateway's side: who may come in, and by which key.

use super::{
    CHALLENGE, DeviceKey, FROM_DEVICE, FROM_GATEWAY, Greeting, HELLO, Line, RECORD, TAG, VERSION, framed,
    halves::{Intake, KeyedReader, KeyedWriter, Side, read},
};
use crate::{Identity, LineEnd, write_all};
use core::fmt;
use embedded_io_async::{Read, Write};

/// Why a device that greets is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unproven {
    /// The gateway has no key of it.
    Unknown,
    /// Its key is none of those that the gateway has of it.
    WrongKey,
    /// It greeted with this life and attempt, or later ones, before: its boot count went back, another unit has its identity
    /// and its key, or somebody sends again what it sent.
    Old,
    /// It speaks another version.
    OtherVersion,
}

/// In a log, after the name of the device.
impl fmt::Display for Unproven {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown => "there is no key of this device here: add it to the keys",
            Self::WrongKey => "it has another key than the one here: give both the same",
            Self::Old => {
                "it greets with numbers that were here before: its boot count went back, another unit has its \
                          identity and key, or somebody repeats what it sent"
            }
            Self::OtherVersion => "it speaks another version of the link with keys",
        })
    }
}

/// The keys of a gateway's devices, and what it remembers of those.
pub trait Keyring {
    /// The keys of a device: two while one takes the place of the other.
    fn keys(&self, device: [u32; 2]) -> [Option<DeviceKey>; 2];
    /// 16 bytes that nobody can foretell.
    fn challenge(&self) -> [u8; 16];
    /// A device has proved that it is the sender: whether it never greeted with this attempt of this life or a later one.
    /// Remembers that.
    fn is_next(&self, sender: Identity, attempt: u32) -> bool;
    /// A device is not let in; somebody else may say that it is the device.
    fn refused(&self, device: [u32; 2], why: Unproven) {
        let _ = (device, why);
    }
    /// A record was dropped that was nobody's here, or came again.
    fn dropped(&self) {}
}

/// A device that greeted, and proved that it has its key.
#[derive(Clone)]
pub struct Hello {
    line: Line,
    identity: Identity,
}

impl fmt::Debug for Hello {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hello").field("identity", &self.identity).finish_non_exhaustive()
    }
}

/// Lets in who proves who it is.
///
/// ```
/// use cachify_link::{Gateway, keyed::{Gate, Keyring}};
/// # use cachify_core::{codec::AsIs, store::Values, time::Timer};
/// # async fn line<S: Values<Vec<u8>, AsIs>, C: Timer, K: Keyring, R: embedded_io_async::Read, W: embedded_io_async::Write>(
/// #     gateway: &mut Gateway<'_, S, C>, keys: &K, mut reader: R, mut writer: W) {
/// let gate = Gate::new(keys);
/// let mut hello = None;
/// while let Ok(mut device) = gate.admit(&mut reader, &mut writer, hello).await {
///     let _ = gateway.serve(&mut device.reader, &mut device.writer).await;
///     hello = device.hello(); // it opened the line anew; else the line has ended
///     if hello.is_none() {
///         break;
///     }
/// }
/// # }
/// ```
#[derive(Debug)]
pub struct Gate<'k, K: ?Sized> {
    keys: &'k K,
}

/// A device on a line that was opened.
#[derive(Debug)]
pub struct Admitted<'k, R, W, K: ?Sized> {
    /// Who it is, by its key.
    pub identity: Identity,
    /// What it says.
    pub reader: KeyedReader<R, AtGate<'k, K>>,
    /// What only it can read.
    pub writer: KeyedWriter<W, ()>,
}

impl<R, W, K: ?Sized> Admitted<'_, R, W, K> {
    /// How the device greeted since, if its reader ended for that.
    pub fn hello(&mut self) -> Option<Hello> {
        self.reader.side.hello.take()
    }
}

/// What comes before a device is let in.
enum Heard {
    Hello(Hello),
    /// Its first frame: the count, and how long its text is.
    Answer(Hello, (u32, usize)),
}

/// What a gateway's reader does beside reading.
pub struct AtGate<'k, K: ?Sized> {
    keys: &'k K,
    hello: Option<Hello>,
}

impl<K: ?Sized> fmt::Debug for AtGate<'_, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AtGate").field("hello", &self.hello).finish_non_exhaustive()
    }
}

impl<K: Keyring + ?Sized> Side for AtGate<'_, K> {
    fn greeted(&mut self, message: &[u8]) -> bool {
        self.hello = Gate { keys: self.keys }.hello(message);
        self.hello.is_some()
    }

    fn dropped(&self) {
        self.keys.dropped();
    }
}

impl<'k, K: Keyring + ?Sized> Gate<'k, K> {
    /// Lets in devices that have one of these keys.
    pub const fn new(keys: &'k K) -> Self {
        Self { keys }
    }

    /// Waits until a device has proved who it is; `hello` is how it greeted already.
    ///
    /// Waits for as long as the line lasts: whoever has many of them sets a limit.
    ///
    /// # Errors
    /// The end of the line.
    pub async fn admit<R: Read, W: Write>(
        &self,
        mut reader: R,
        mut writer: W,
        mut hello: Option<Hello>,
    ) -> Result<Admitted<'k, R, W, K>, LineEnd<R::Error, W::Error>> {
        let mut intake = Intake::new();
        loop {
            if let Some(hello) = &mut hello {
                self.answer(hello, &mut writer).await?;
            }
            match self.wait(&mut reader, &mut intake, hello.as_ref()).await? {
                Heard::Hello(next) => hello = Some(next),
                Heard::Answer(Hello { line, identity }, first) => {
                    let side = AtGate { keys: self.keys, hello: None };
                    let writer = KeyedWriter::new(writer, (), line.clone(), FROM_GATEWAY);
                    let reader = KeyedReader::new(reader, side, line, FROM_DEVICE, intake).after(first);
                    return Ok(Admitted { identity, reader, writer });
                }
            }
        }
    }

    /// Challenges the device.
    async fn answer<W: Write, E>(&self, hello: &mut Hello, writer: &mut W) -> Result<(), LineEnd<E, W::Error>> {
        let line = &mut hello.line;
        line.answered(&self.keys.challenge());
        let tag = line.seal(CHALLENGE, 0, &mut []);
        let mut frame = [0; RECORD];
        let record = framed(&mut frame, [&[CHALLENGE], line.challenge(), &[], &tag]);
        write_all(writer, record).await.map_err(|(_, why)| why)
    }

    /// Reads until a device greets, or the one that greeted has answered.
    async fn wait<R: Read, E>(
        &self,
        reader: &mut R,
        intake: &mut Intake,
        hello: Option<&Hello>,
    ) -> Result<Heard, LineEnd<R::Error, E>> {
        loop {
            if !intake.fill(reader).await.map_err(LineEnd::Read)? {
                return Err(LineEnd::Closed);
            }
            while let Some(message) = intake.next() {
                if let Some(hello) = hello
                    && let Some(first) = read(&hello.line, FROM_DEVICE, 0, message)
                {
                    return Ok(Heard::Answer(hello.clone(), first));
                }
                match self.hello(message) {
                    Some(next) => return Ok(Heard::Hello(next)),
                    None => self.keys.dropped(),
                }
            }
        }
    }

    /// A device that greets, by one of its keys, as it never did before.
    fn hello(&self, message: &[u8]) -> Option<Hello> {
        let (&[HELLO, ref greeting @ ..], tag) = message.split_first_chunk::<18>()? else { return None };
        let tag = <&[u8; TAG]>::try_from(tag).ok()?;
        let (device, sender, attempt) = sender(greeting);
        if greeting.first() != Some(&VERSION) {
            self.keys.refused(device, Unproven::OtherVersion);
            return None;
        }
        let keys = self.keys.keys(device);
        let is_known = keys.iter().any(Option::is_some);
        let lines = keys.into_iter().flatten().map(|key| Line::new(key, greeting));
        let line = lines.into_iter().find(|line| line.unseal(HELLO, 0, &mut [], tag));
        let why = match line {
            Some(line) if self.keys.is_next(sender, attempt) => return Some(Hello { line, identity: sender }),
            Some(_) => Unproven::Old,
            None if is_known => Unproven::WrongKey,
            None => Unproven::Unknown,
        };
        self.keys.refused(device, why);
        None
    }
}

fn sender(greeting: &Greeting) -> ([u32; 2], Identity, u32) {
    let word = |at: usize| {
        let bytes = greeting.get(at..at + 4).and_then(|bytes| bytes.first_chunk());
        bytes.map_or(0, |bytes| u32::from_le_bytes(*bytes))
    };
    let device = [word(1), word(5)];
    (device, Identity { device, session: word(9) }, word(13))
}
