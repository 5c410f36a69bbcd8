//! The devices that a gateway knows: their keys, and what each may do. Read anew while it runs.
//!
//! Without any device everybody is served who reaches a line, which has to be asked for.

use crate::device::say;
use cachify::{
    cachify_core::{
        key::Kind,
        op::Op,
        time::{Clock, Instant},
    },
    clock::StdClock,
};
use cachify_link::{
    Identity, Limits,
    keyed::{DeviceKey, Keyring, Unproven},
};
use std::{
    collections::HashMap,
    fmt, process,
    sync::{
        Mutex, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

/// How often the log says the same of one device.
const AGAIN: Duration = Duration::from_secs(60);
/// Of how many devices and reasons it remembers that it said so: anybody may name any device.
const SAID: usize = 1_024;

/// What one device may do.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rights {
    pub(crate) namespace: Option<String>,
    /// Patterns of keys, with the kind before them.
    pub(crate) allow: Vec<(Kind, String)>,
    /// Whether it may end what others hold.
    pub(crate) force: bool,
}

impl Rights {
    fn allows(&self, kind: Kind, key: &[u8], op: &Op) -> bool {
        let is_forced = matches!((op, kind), (Op::Clear, Kind::Lock | Kind::Once | Kind::Pool));
        (self.force || !is_forced)
            && self.allow.iter().any(|(of, pattern)| *of == kind && matches(pattern.as_bytes(), key))
    }
}

/// Whether a pattern, in which `*` stands for any text, is all of the text.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut from, mut star) = (0, 0, None);
    while from < text.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, from));
                at += 1;
            }
            Some(byte) if *byte == text[from] => (at, from) = (at + 1, from + 1),
            _ => match star {
                // the star takes one more
                Some((star_at, taken)) => {
                    (at, from) = (star_at + 1, taken + 1);
                    star = Some((star_at, taken + 1));
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

/// One device.
#[derive(Clone, Debug)]
pub(crate) struct Device {
    pub(crate) name: String,
    pub(crate) keys: [Option<DeviceKey>; 2],
    pub(crate) rights: Rights,
}

/// What is read anew.
#[derive(Debug, Default)]
pub(crate) struct Known {
    pub(crate) devices: HashMap<[u32; 2], Device>,
    pub(crate) limits: Limits,
}

#[derive(Debug)]
pub(crate) struct Registry {
    is_secure: bool,
    known: RwLock<Known>,
    /// The life and attempt with which each greeted last.
    last: Mutex<HashMap<[u32; 2], (u32, u32)>>,
    said: Mutex<HashMap<([u32; 2], String), Instant>>,
    dropped: AtomicU64,
}

impl Registry {
    pub(crate) fn new(is_secure: bool, known: Known) -> Self {
        let (last, said, dropped) = Default::default();
        Self { is_secure, known: RwLock::new(known), last, said, dropped }
    }

    /// Whether a device has to prove who it is.
    pub(crate) const fn is_secure(&self) -> bool {
        self.is_secure
    }

    /// From now on these are known; what a device holds is its own still.
    pub(crate) fn replace(&self, known: Known) {
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = known;
    }

    fn of<T>(&self, device: [u32; 2], look: impl FnOnce(&Device) -> T) -> Option<T> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).devices.get(&device).map(look)
    }

    pub(crate) fn limits(&self) -> Limits {
        self.known.read().unwrap_or_else(PoisonError::into_inner).limits
    }

    /// How people call it.
    pub(crate) fn name(&self, device: [u32; 2]) -> String {
        let named = self.of(device, |known| known.name.clone());
        named.unwrap_or_else(|| Identity { device, session: 0 }.to_string())
    }

    pub(crate) fn namespace(&self, device: [u32; 2]) -> Option<String> {
        self.of(device, |known| known.rights.namespace.clone()).flatten()
    }

    /// Whether a device that proved who it is may do this.
    pub(crate) fn allows(&self, sender: Option<Identity>, kind: Kind, key: &[u8], op: &Op) -> bool {
        let may = |known: &Device| known.rights.allows(kind, key, op);
        !self.is_secure || sender.and_then(|sender| self.of(sender.device, may)).unwrap_or(false)
    }

    /// Records that were nobody's, on all lines.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Relaxed)
    }

    fn log(&self, device: [u32; 2], why: fmt::Arguments<'_>) {
        let now = StdClock::system().now();
        {
            let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
            if said.len() >= SAID {
                said.retain(|_, at| now.since(*at) < AGAIN);
                // a flood of names: what is said of them is the same
                if said.len() >= SAID {
                    return;
                }
            }
            let last = said.insert((device, why.to_string()), now);
            if last.is_some_and(|last| now.since(last) < AGAIN) {
                return;
            }
        }
        say(format_args!("gateway: device {} is refused: {why}", self.name(device)));
    }
}

impl Keyring for Registry {
    fn keys(&self, device: [u32; 2]) -> [Option<DeviceKey>; 2] {
        self.of(device, |known| known.keys.clone()).unwrap_or_default()
    }

    fn challenge(&self) -> [u8; 16] {
        let mut challenge = [0; 16];
        if let Err(why) = getrandom::fill(&mut challenge) {
            // nothing that could be foretold is ever sent
            eprintln!("cachify-gateway: the system has no random numbers: {why}");
            process::exit(1);
        }
        challenge
    }

    fn is_next(&self, sender: Identity, attempt: u32) -> bool {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let number = (sender.session, attempt);
        let is_next = last.get(&sender.device).is_none_or(|last| *last < number);
        if is_next {
            last.insert(sender.device, number);
        }
        is_next
    }

    fn refused(&self, device: [u32; 2], why: Unproven) {
        self.log(device, format_args!("{why}"));
    }

    fn dropped(&self) {
        self.dropped.fetch_add(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_text() {
        for (pattern, text, fits) in [
            ("", "", true),
            ("*", "", true),
            ("*", "door:1", true),
            ("door:*", "door:1", true),
            ("door:*", "door:", true),
            ("door:*", "door", false),
            ("door:*", "indoor:1", false),
            ("*:1", "door:1", true),
            ("*:1", "door:11:1", true),
            ("*:1", "door:12", false),
            ("a*b*c", "aXbYc", true),
            ("a*b*c", "aXbYcd", false),
            ("a*b*c", "abc", true),
            ("door", "door", true),
            ("door", "door:", false),
            ("door:*", "*", false),
        ] {
            assert_eq!(matches(pattern.as_bytes(), text.as_bytes()), fits, "{pattern} {text}");
        }
    }

    #[test]
    fn what_is_not_allowed_is_denied() {
        let rights =
            Rights { allow: vec![(Kind::Lock, "door:*".into()), (Kind::Cache, "*".into())], ..Rights::default() };
        let renew = Op::Renew { ttl: 1 };
        assert!(rights.allows(Kind::Lock, b"door:1", &renew));
        assert!(!rights.allows(Kind::Once, b"door:1", &renew), "another kind");
        assert!(!rights.allows(Kind::Lock, b"gate:1", &renew));
        assert!(!rights.allows(Kind::Lock, b"door:1", &Op::Clear), "what others hold");
        assert!(rights.allows(Kind::Cache, b"v", &Op::Clear), "a value is nobody's");
        let may_force = Rights { force: true, ..rights };
        assert!(may_force.allows(Kind::Lock, b"door:1", &Op::Clear));
        assert!(!may_force.allows(Kind::Lock, b"gate:1", &Op::Clear));
    }
}
