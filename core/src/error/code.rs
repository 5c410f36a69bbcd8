//! What a store calls a refusal.

use core::fmt;

/// A store's own code for a refusal: seven bytes at most; without `alloc`, as on a device, there is no room for it.
///
/// ```
/// use cachify_core::Code;
/// assert_eq!(Code::new("23514").as_str(), "23514");
/// assert_eq!(Code::new("E_TOO_LONG").as_str(), "E_TOO_L");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Code([u8; ROOM]);

const ROOM: usize = if cfg!(feature = "alloc") { 7 } else { 0 };

impl Code {
    /// None.
    pub const NONE: Self = Self([0; ROOM]);

    /// As far as there is room for it.
    #[must_use]
    pub const fn new(code: &str) -> Self {
        let (mut kept, code) = ([0; ROOM], code.as_bytes());
        let mut at = 0;
        // a character that is not ASCII would be cut
        while at < kept.len() && at < code.len() && code[at].is_ascii_graphic() {
            kept[at] = code[at];
            at += 1;
        }
        Self(kept)
    }

    /// The code.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let length = self.0.iter().position(|byte| *byte == 0).unwrap_or(self.0.len());
        core::str::from_utf8(&self.0[..length]).unwrap_or_default()
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
