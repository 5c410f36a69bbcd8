//! Values that stand in a key by their hash: whatever their length, 32 digits.
//!
//! Invariant: no seed, no address and no width of a machine goes into it, so it is the same in a whole fleet.
//! SHA-256 and not a faster one: keys come from strangers, and without a secret who can find two values of one hash
//! can have another's cached value.

use super::{KeyPart, KeySink, Text};
use core::hash::{Hash, Hasher};

/// A value that stands in a key by a hash of it: 32 hexadecimal digits.
///
/// `("page", Hashed(&body))` equals the template `"page:{body:hash}"`. The hash is the first half of SHA-256 over what
/// the value's `Hash` feeds, integers least significant byte first and `usize` as `u64`: the same in every process of
/// a fleet. It has no key, so it hides no value that can be guessed; two values of one hash cost 2^64 attempts.
///
/// Not the same everywhere are slices of `usize` and `isize`, slices of integers on a big-endian machine, addresses,
/// and what another release of the compiler or of the value's crate feeds.
///
/// ```
/// use cachify_core::key::{AsKey, Hashed, KeyBuf, KeyBuffer};
/// let mut buf = KeyBuf::<40>::default();
/// ("page", Hashed("abc")).render_key(&mut buf);
/// assert_eq!(buf.bytes(), Ok(&b"page:8e3b08dc1236880bf0c55873db58b12d"[..]));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Hashed<T>(pub T);

impl<T: Hash> KeyPart for Hashed<T> {
    /// As many digits for any value, so none needs to be escaped for what stands after it.
    fn render(&self, out: &mut impl KeySink, _: Option<char>) {
        let mut state = Sha(hmac_sha256::Hash::new());
        self.0.hash(&mut state);
        let hash = state.0.finalize();
        for byte in hash.iter().take(16) {
            out.put_text(Text(&[digit(byte >> 4), digit(byte & 15)]));
        }
    }
}

const fn digit(nibble: u8) -> u8 {
    if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 }
}

/// A value that `{value:hash}` can take.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no `Hash`, which `:hash` in a key takes: derive it, or name a part that has it (`{{a.id:hash}}`)",
    label = "this key hashes a value that has no `Hash`"
)]
#[doc(hidden)]
pub trait Hashable {
    /// Renders its hash.
    fn render_hash(&self, out: &mut impl KeySink);
}

#[diagnostic::do_not_recommend]
impl<T: Hash + ?Sized> Hashable for T {
    fn render_hash(&self, out: &mut impl KeySink) {
        Hashed(self).render(out, None);
    }
}

/// What a macro makes of `{value:hash}`.
#[doc(hidden)]
pub fn put_hash<T: Hashable + ?Sized>(value: &T, out: &mut impl KeySink) {
    value.render_hash(out);
}

struct Sha(hmac_sha256::Hash);

macro_rules! integers {
    ($($write:ident($t:ty) as $wide:ty;)*) => { $(
        fn $write(&mut self, n: $t) {
            self.write(&(n as $wide).to_le_bytes());
        }
    )* };
}

impl Hasher for Sha {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    // the signed ones of a width go through these, but for `isize`, whose width is the machine's
    integers! {
        write_u16(u16) as u16;
        write_u32(u32) as u32;
        write_u64(u64) as u64;
        write_u128(u128) as u128;
        write_usize(usize) as u64;
        write_isize(isize) as i64;
    }

    /// Only a `Hash` that hashes by itself asks for it midway.
    fn finish(&self) -> u64 {
        let hash = self.0.finalize();
        hash.first_chunk().map_or(0, |eight| u64::from_le_bytes(*eight))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::{KeyBuf, KeyBuffer};
    use std::{string::String, vec};

    fn of(value: impl Hash) -> String {
        let mut buf = KeyBuf::<32>::default();
        Hashed(value).render(&mut buf, Some('a'));
        String::from_utf8(buf.bytes().unwrap().to_vec()).unwrap()
    }

    /// Records what is fed on this machine, and what a machine of another width would feed is the same.
    #[test]
    fn numbers_are_fed_the_same_on_every_machine() {
        let fed = |bytes: &[u8]| {
            let mut state = Sha(hmac_sha256::Hash::new());
            state.write(bytes);
            state.finish()
        };
        let by = |feed: fn(&mut Sha)| {
            let mut state = Sha(hmac_sha256::Hash::new());
            feed(&mut state);
            state.finish()
        };
        assert_eq!(by(|s| s.write_u32(0x0102_0304)), fed(&[4, 3, 2, 1]));
        assert_eq!(by(|s| s.write_i16(-2)), fed(&[0xfe, 0xff]));
        assert_eq!(by(|s| s.write_u128(1)), fed(&[1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]));
        assert_eq!(by(|s| s.write_usize(7)), fed(&[7, 0, 0, 0, 0, 0, 0, 0]));
        assert_eq!(by(|s| s.write_isize(-1)), fed(&[0xff; 8]));
    }

    #[test]
    fn a_hash_is_the_one_that_was_published() {
        // SHA-256 of "abc\xff" and of 7, 0, 0, 0, as other programs tell it
        assert_eq!(of("abc"), "8e3b08dc1236880bf0c55873db58b12d");
        assert_eq!(of(7_u32), "e8613f5a5bc9f9feeda32a8e7c80b69d");
        assert_eq!((of(String::from("abc")), of(vec![1_u8, 2])), (of("abc"), of([1_u8, 2].as_slice())));
        assert_ne!(of(("a", "bc")), of(("ab", "c")));
    }
}
