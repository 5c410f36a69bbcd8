//! By what people know a holder.

use core::fmt;

/// A short text by which people know a holder: a host, a job. At most 32 bytes; without `alloc`, as on a device, there is
/// no room for it.
///
/// ```
/// use cachify_core::Label;
/// assert_eq!(Label::new("import of 7:30").as_str(), "import of 7:30");
/// assert_eq!(Label::new("x".repeat(40).as_str()).as_str().len(), 32);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Label([u8; ROOM]);

const ROOM: usize = if cfg!(feature = "alloc") { 32 } else { 0 };

impl Label {
    /// None.
    pub const NONE: Self = Self([0; ROOM]);

    /// As far as there is room for it: whole characters, up to the first that nobody could see.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let mut kept = [0; ROOM];
        for (at, one) in text.char_indices() {
            match kept.get_mut(at..at + one.len_utf8()) {
                Some(room) if !one.is_control() => {
                    one.encode_utf8(room);
                }
                _ => break,
            }
        }
        Self(kept)
    }

    /// A text that fits, from its bytes.
    #[must_use]
    pub fn exactly(bytes: &[u8]) -> Option<Self> {
        let text = core::str::from_utf8(bytes).ok()?;
        Self::fits(text).then(|| Self::new(text))
    }

    /// Whether there is room for all of it.
    #[must_use]
    pub fn fits(text: &str) -> bool {
        Self::new(text).as_str() == text
    }

    /// The text; empty if there is none.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let length = self.0.iter().position(|byte| *byte == 0).unwrap_or(self.0.len());
        core::str::from_utf8(&self.0[..length]).unwrap_or_default()
    }
}

#[cfg(feature = "alloc")]
type Kept = Option<alloc::boxed::Box<Label>>;
#[cfg(not(feature = "alloc"))]
type Kept = Label;

/// The label that a request said, if it did: in a word, for every guard has it, and of no size on a device.
#[derive(Debug, Default)]
pub(crate) struct Said(Kept);

impl Said {
    /// One of no text is none.
    pub(crate) fn new(label: Label) -> Self {
        #[cfg(feature = "alloc")]
        let label = (label != Label::NONE).then(|| label.into());
        Self(label)
    }

    /// What was said, else the other.
    pub(crate) fn or(&self, other: Label) -> Label {
        #[cfg(feature = "alloc")]
        return self.0.as_deref().copied().unwrap_or(other);
        #[cfg(not(feature = "alloc"))]
        if other == Label::NONE { self.0 } else { other }
    }
}

impl fmt::Debug for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(feature = "alloc")]
    #[test]
    fn a_label_is_whole_characters_that_can_be_seen() {
        let kept = |text: &str| alloc::string::String::from(Label::new(text).as_str());
        for (text, expected) in [("", ""), ("api-1", "api-1"), ("one\ntwo", "one"), ("nul\0", "nul"), ("\u{7f}", "")] {
            assert_eq!((kept(text).as_str(), Label::fits(text)), (expected, text == expected), "{text:?}");
        }
        let full = "e".repeat(31);
        let (fits, cut) = ([&full, "e"].concat(), [&full, "\u{e9}"].concat());
        assert_eq!((kept(&fits), kept(&cut)), (fits.clone(), full));
        assert!(Label::fits(&fits) && !Label::fits(&cut));
    }
}
