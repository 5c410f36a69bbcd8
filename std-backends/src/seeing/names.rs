//! The names of an instance, by numbers that keys carry: a bounded number of them, each of a bounded length.
#![cfg_attr(not(feature = "metrics"), allow(dead_code, reason = "labels want more than fields"))]

use std::{
    collections::HashMap,
    sync::{Arc, OnceLock, PoisonError, RwLock},
};

/// How many names are told apart; what comes after them is `other`.
pub(super) const MOST: usize = 200;
/// How many characters of a name are kept.
const LONGEST: usize = 120;

/// What has no name: a key that was given by value.
const UNNAMED: &str = "unnamed";
const OTHER: &str = "other";
/// Their numbers are the first ones.
const OTHERS: u16 = 1;
const FIRST: usize = 2;

pub(super) struct Names {
    numbers: RwLock<HashMap<Box<str>, u16>>,
    texts: [OnceLock<Arc<str>>; MOST],
}

/// How many numbers there are.
pub(super) const NUMBERS: usize = MOST + FIRST;

impl Default for Names {
    fn default() -> Self {
        Self { numbers: RwLock::default(), texts: [const { OnceLock::new() }; MOST] }
    }
}

impl Names {
    /// The number of a name.
    pub(super) fn number(&self, name: &str) -> u16 {
        let name = cut(name);
        let numbers = self.numbers.read().unwrap_or_else(PoisonError::into_inner);
        match numbers.get(name) {
            Some(number) => return *number,
            None if numbers.len() >= MOST => return OTHERS,
            None => {}
        }
        drop(numbers);
        let mut numbers = self.numbers.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(number) = numbers.get(name) {
            return *number;
        }
        let at = numbers.len();
        let Some(text) = self.texts.get(at) else { return OTHERS };
        let number = (at + FIRST) as u16;
        let _ = text.set(shown(name));
        numbers.insert(name.into(), number);
        number
    }

    /// The name of a number.
    pub(super) fn text(&self, number: u16) -> &str {
        match usize::from(number).checked_sub(FIRST) {
            Some(at) => self.texts.get(at).and_then(OnceLock::get).map_or(OTHER, |text| text),
            None if number == OTHERS => OTHER,
            None => UNNAMED,
        }
    }
}

fn cut(name: &str) -> &str {
    name.char_indices().nth(LONGEST).map_or(name, |(end, _)| &name[..end])
}

/// What nobody could see, a terminal might obey.
fn shown(name: &str) -> Arc<str> {
    name.chars().map(|one| if one.is_control() { char::REPLACEMENT_CHARACTER } else { one }).collect::<String>().into()
}
