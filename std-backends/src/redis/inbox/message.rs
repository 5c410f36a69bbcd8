//! What is said on a channel, and how a token is spelled on the server.

use crate::redis::name::Name;
use cachify_core::token::HolderToken;

/// What a message says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::redis) enum Message {
    /// It is somebody's turn.
    Called(Turn),
    /// Somebody is to ask once a turn of somebody else's is over.
    Standby(Turn),
    /// All who wait for that are to ask.
    All(Name),
}

/// Whom a message is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::redis) struct Turn {
    pub(in crate::redis) token: HolderToken,
    pub(in crate::redis) size: u32,
    pub(in crate::redis) name: Name,
}

impl Message {
    /// From what came on the channel.
    pub(in crate::redis) fn parse(text: &str) -> Option<Self> {
        if let Some(name) = text.strip_prefix('*') {
            return Name::parse(name.to_owned()).map(Self::All);
        }
        let called = text.starts_with('!');
        let mut words = text.strip_prefix(['!', '?'])?.splitn(3, ' ');
        let (token, size, name) = (words.next()?, words.next()?, words.next()?);
        let turn = Turn { token: token_of(token)?, size: size.parse().ok()?, name: Name::parse(name.to_owned())? };
        Some(if called { Self::Called(turn) } else { Self::Standby(turn) })
    }
}

/// A token as the server spells it.
pub(in crate::redis) fn hex(token: HolderToken) -> String {
    let [a, b, c, d] = token.0;
    format!("{a:08x}{b:08x}{c:08x}{d:08x}")
}

pub(super) fn token_of(text: &str) -> Option<HolderToken> {
    let word = |at: usize| u32::from_str_radix(text.get(at..at + 8)?, 16).ok();
    (text.len() == 32).then_some(())?;
    Some(HolderToken([word(0)?, word(8)?, word(16)?, word(24)?]))
}
