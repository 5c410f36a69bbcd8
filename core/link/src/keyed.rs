//! Lines on which both sides prove who they are (feature `keys`): a key for each device, a challenge each way, and frames
//! that nobody else can read, write or send again.
//!
//! A layer between the pump and the line, and between a line and its gateway: [`Keyed::open`] on the device, [`Gate::admit`]
//! at the gateway. Both give a reader and a writer for what is said as on a line without keys.
//!
//! # How it is done
//!
//! Everything is [Ascon-AEAD128 of NIST SP 800-232][ascon] under the device's key of 128 bits, by three passes of mutual
//! authentication as in ISO/IEC 9798-2 with authenticated encryption; the third is the first frame of the device.
//!
//! | record | who | bytes | what is authentic | nonce |
//! |---|---|---|---|---|
//! | 1 hello | device | version, device (8), life (4), attempt (4), tag (16) | all of it | life, attempt |
//! | 2 challenge | gateway | 16 random bytes, tag (16) | all of it, and the hello | 11 of them |
//! | 3 frame | device | count (4), ciphertext, tag (16) | all of it, hello and challenge | life, attempt, 3 of them |
//! | 4 frame | gateway | the same | the same | 11 of them |
//!
//! A nonce begins with the number of its record and the count, which is zero where there is none. Records travel in [frames](crate::frame). A count grows by one with each
//! frame, and what is not higher than the last one is dropped: a line may lose frames, and may not bring them again. After
//! 2^32 of them the line ends, and is opened anew.
//!
//! Randomness is needed at the gateway alone. The device brings a number that no other life of it had
//! ([`Session::id`](crate::Session::id), a boot counter that grows), and counts its attempts.
//!
//! # What is not protected
//!
//! Who sees the line knows who speaks when, and how much. Who has a device has its key, can speak for it until the gateway no
//! longer knows that key, and can read what was recorded under it. Who can cut a line can cut it.
//!
//! [ascon]: https://doi.org/10.6028/NIST.SP.800-232

mod device;
#[cfg(feature = "alloc")]
mod gate;
mod halves;

pub use device::{Keyed, Opened};
#[cfg(feature = "alloc")]
pub use gate::{Admitted, Gate, Hello, Keyring, Unproven};
pub use halves::{KeyedError, KeyedReader, KeyedWriter};

use crate::frame::encode;
use ascon_aead::{
    AsconAead128,
    aead::{AeadInOut, KeyInit},
};
use core::fmt;

/// The key of a device: 16 random bytes that its gateway knows, too.
#[derive(Clone)]
pub struct DeviceKey([u8; 16]);

impl DeviceKey {
    /// Of these bytes.
    #[must_use]
    pub const fn new(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Of 32 hexadecimal digits; `None` for anything else.
    ///
    /// ```
    /// use cachify_link::keyed::DeviceKey;
    /// assert!(DeviceKey::parse("000102030405060708090A0b0c0d0e0f").is_some());
    /// assert!(DeviceKey::parse("0001").is_none());
    /// assert_eq!(format!("{:?}", DeviceKey::new([7; 16])), "DeviceKey(..)"); // in no log
    /// ```
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits: &[u8; 32] = text.as_bytes().try_into().ok()?;
        let mut key = [0; 16];
        for (byte, digits) in key.iter_mut().zip(digits.chunks_exact(2)) {
            for digit in digits {
                let digit = (*digit as char).to_digit(16)?;
                *byte = *byte << 4 | digit as u8;
            }
        }
        Some(Self(key))
    }
}

impl fmt::Debug for DeviceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DeviceKey(..)")
    }
}

const HELLO: u8 = 1;
const CHALLENGE: u8 = 2;
const FROM_DEVICE: u8 = 3;
const FROM_GATEWAY: u8 = 4;

const TAG: usize = 16;
/// Of a frame, beside its text: record, count, tag.
const BESIDE: usize = 1 + 4 + TAG;
/// Of what is around a record on the line: zeros on both sides, the checksum, and the codes of COBS.
const AROUND: usize = 2 + 4 + 2;
/// The longest text of a frame: longer ones are several.
const TEXT: usize = 120;
/// A record on the line.
const RECORD: usize = TEXT + BESIDE + AROUND;

/// Version, device, life, attempt.
type Greeting = [u8; 17];
type Challenge = [u8; 16];
type Tag = [u8; TAG];
type Nonce = [u8; 16];

const VERSION: u8 = 1;

fn greeting(device: [u32; 2], life: u32, attempt: u32) -> Greeting {
    let mut greeting = [VERSION; 17];
    let words = [device[0], device[1], life, attempt];
    let places = greeting.get_mut(1..).unwrap_or_default().chunks_exact_mut(4);
    places.zip(words).for_each(|(place, word)| put(place, &word.to_le_bytes()));
    greeting
}

/// Makes a record on the line of these parts; how long it is.
#[cfg_attr(not(target_pointer_width = "64"), inline(never))]
fn framed<'f>(frame: &'f mut [u8; RECORD], parts: [&[u8]; 4]) -> &'f [u8] {
    let len = encode(frame, |to| parts.iter().for_each(|part| to.put(part)));
    frame.get(..len.unwrap_or_default()).unwrap_or_default()
}

/// As many bytes as there is room for.
fn put(to: &mut [u8], from: &[u8]) {
    // `copy_from_slice` brings a panic of its own
    to.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
}

/// What both sides know once they have spoken: all frames are bound to it.
#[derive(Clone)]
struct Line {
    key: DeviceKey,
    /// The greeting, then the challenge.
    known: [u8; KNOWN],
}

const KNOWN: usize = 17 + 16;
/// Where in it the device's own numbers begin, and the gateway's.
const OWN: usize = 9;
const THEIRS: usize = 17;

impl Line {
    /// Before the gateway has answered.
    fn new(key: DeviceKey, greeting: &Greeting) -> Self {
        let mut known = [0; KNOWN];
        put(&mut known, greeting);
        Self { key, known }
    }

    fn greeting(&self) -> &[u8] {
        self.known.get(..THEIRS).unwrap_or_default()
    }

    #[cfg(feature = "alloc")]
    fn challenge(&self) -> &[u8] {
        self.known.get(THEIRS..).unwrap_or_default()
    }

    fn answered(&mut self, challenge: &Challenge) {
        put(self.known.get_mut(THEIRS..).unwrap_or_default(), challenge);
    }

    /// Of a device's record: life, attempt, and of the challenge what there is room for; of a gateway's the challenge.
    fn nonce(&self, record: u8, count: u32) -> Nonce {
        let mut nonce = [record; 16];
        let from = if record % 2 == 1 { OWN } else { THEIRS };
        put(nonce.get_mut(1..).unwrap_or_default(), &count.to_le_bytes());
        put(nonce.get_mut(5..).unwrap_or_default(), self.known.get(from..).unwrap_or_default());
        nonce
    }

    fn context(&self, record: u8) -> [u8; 1 + KNOWN] {
        let mut context = [record; 1 + KNOWN];
        put(context.get_mut(1..).unwrap_or_default(), &self.known);
        context
    }

    /// Encrypts the text where it lies; its tag.
    fn seal(&self, record: u8, count: u32, text: &mut [u8]) -> Tag {
        let sealed = AsconAead128::new(&self.key.0.into()).encrypt_inout_detached(
            &self.nonce(record, count).into(),
            &self.context(record),
            text.into(),
        );
        // no text here is longer than 2^64 bytes; a tag of zeros is nobody's
        sealed.map_or([0; TAG], Into::into)
    }

    /// Decrypts the text where it lies; whether it is the other side's.
    fn unseal(&self, record: u8, count: u32, text: &mut [u8], tag: &Tag) -> bool {
        let unsealed = AsconAead128::new(&self.key.0.into()).decrypt_inout_detached(
            &self.nonce(record, count).into(),
            &self.context(record),
            text.into(),
            tag.into(),
        );
        unsealed.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    fn bytes(hex: &str) -> Vec<u8> {
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
    }

    /// Known answers of Ascon-AEAD128 (NIST LWC, counts 1, 35, 529 and 1089): the cipher is the one of the standard.
    #[test]
    fn the_cipher_is_the_one_of_the_standard() {
        let upto = |n: u8| (0..n).collect::<Vec<_>>();
        for (text, context, sealed) in [
            (0, 0, "4427D64B8E1E1451FC445960F0839BB0"),
            (1, 1, "25EB4B700ED4AC8517DCBA20F673292230"),
            (16, 0, "E770D289D2A44AEE7CD0A48ECE5274E3EA721F9A8FC4E556F2745972F5A78411"),
            (
                32,
                32,
                "4C086D27A3B51A2333CFC7F22172A9BCAD88B8D4D77E50622D788345FA7BEE4468915D3F9422289F2349D6A3B4160397",
            ),
        ] {
            let mut key = [0; 16];
            key.copy_from_slice(&upto(16));
            let mut text = upto(text);
            let cipher = AsconAead128::new(&key.into());
            let tag = cipher.encrypt_inout_detached(&key.into(), &upto(context), text.as_mut_slice().into()).unwrap();
            assert_eq!([&text[..], &tag[..]].concat(), bytes(sealed));
        }
    }

    fn spoken(key: u8, greeting: Greeting, challenge: u8) -> Line {
        let mut line = Line::new(DeviceKey::new([key; 16]), &greeting);
        line.answered(&[challenge; 16]);
        line
    }

    fn line() -> Line {
        spoken(7, greeting([1, 2], 3, 4), 9)
    }

    /// No two records have one nonce: they differ in the record, in the count, in the life, the attempt or the challenge.
    #[test]
    fn whatever_tells_records_apart_is_in_their_nonces() {
        let line = line();
        let other = [
            spoken(7, greeting([1, 2], 4, 4), 9),
            spoken(7, greeting([1, 2], 3, 5), 9),
            spoken(7, greeting([1, 2], 3, 4), 8),
        ];
        let nonces: Vec<_> = [HELLO, CHALLENGE, FROM_DEVICE, FROM_GATEWAY].map(|record| line.nonce(record, 1)).to_vec();
        for (at, nonce) in nonces.iter().enumerate() {
            assert!(!nonces[..at].contains(nonce));
        }
        for record in [FROM_DEVICE, FROM_GATEWAY] {
            assert_ne!(line.nonce(record, 1), line.nonce(record, 2));
        }
        for record in [HELLO, FROM_DEVICE] {
            assert_ne!(line.nonce(record, 1), other[0].nonce(record, 1), "another life");
            assert_ne!(line.nonce(record, 1), other[1].nonce(record, 1), "another attempt");
        }
        for record in [CHALLENGE, FROM_DEVICE, FROM_GATEWAY] {
            assert_ne!(line.nonce(record, 1), other[2].nonce(record, 1), "another challenge");
        }
    }

    #[test]
    fn a_record_is_bound_to_all_that_both_sides_know() {
        let line = line();
        let mut others = Vec::new();
        others.push(spoken(8, greeting([1, 2], 3, 4), 9));
        others.push(spoken(7, greeting([1, 2], 3, 4), 8));
        for (device, life, attempt) in [([2, 2], 3, 4), ([1, 3], 3, 4), ([1, 2], 4, 4), ([1, 2], 3, 5)] {
            others.push(spoken(7, greeting(device, life, attempt), 9));
        }
        let mut text = *b"text";
        let tag = line.seal(FROM_DEVICE, 1, &mut text);
        assert_ne!(text, *b"text");
        for other in others {
            assert!(!other.unseal(FROM_DEVICE, 1, &mut text.clone(), &tag));
        }
        for (record, count) in [(FROM_GATEWAY, 1), (FROM_DEVICE, 2), (HELLO, 1), (CHALLENGE, 1)] {
            assert!(!line.unseal(record, count, &mut text.clone(), &tag));
        }
        for bit in 0..text.len() * 8 {
            let mut forged = text;
            forged[bit / 8] ^= 1 << (bit % 8);
            assert!(!line.unseal(FROM_DEVICE, 1, &mut forged, &tag));
        }
        assert!(line.unseal(FROM_DEVICE, 1, &mut text, &tag));
        assert_eq!(text, *b"text");
    }
}
