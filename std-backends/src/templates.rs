//! Which functions use a template in an instance, for two that share one without saying so share their keys.
//!
//! Not here: keys that are asked for by value, which often are those of a function, and functions that nobody observes.

use crate::{process::PerProcess, sync::locked};
use cachify_core::{key::Kind, observe::Event};
use std::{
    collections::HashMap,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

/// One attribute of a function; all of one function are an array, whose address is the function's.
#[derive(Debug)]
pub struct Site {
    kind: Kind,
    template: &'static str,
    share: bool,
    /// The number of the instance that it met last, and below it that of its name there; one load, and that is all a later
    /// call through that one costs.
    met: AtomicU64,
}

/// How many bits a name has.
const NAME: u32 = u16::BITS;

impl Site {
    /// Of what kind it is.
    pub(crate) const fn kind(&self) -> Kind {
        self.kind
    }

    /// A site that met nobody.
    #[must_use]
    pub const fn new(kind: Kind, template: &'static str, share: bool) -> Self {
        Self { kind, template, share, met: AtomicU64::new(0) }
    }
}

/// One that uses a template.
#[derive(Debug)]
struct User {
    function: usize,
    share: bool,
    path: String,
}

type Users = HashMap<(Kind, String), Vec<User>>;

/// The templates of an instance.
#[derive(Debug)]
pub(crate) struct Templates {
    number: u64,
    /// By what tells keys apart: with the path in it, where the template has that.
    users: PerProcess<Mutex<Users>>,
}

impl Templates {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self { number: NEXT.fetch_add(1, Relaxed), users: PerProcess::new() }
    }

    /// The number of the name of one that it met before.
    #[inline]
    pub(crate) fn has_met(&self, site: &Site) -> Option<u16> {
        let met = site.met.load(Relaxed);
        (met >> NAME == self.number).then_some(met as u16)
    }

    /// Notes that `site` is of `function`, whose path is made of `path`; tells if another one has its template. The number of
    /// its name, which `number` knows.
    #[cold]
    pub(crate) fn meet(
        &self,
        site: &Site,
        function: &'static [Site],
        path: [&str; 2],
        number: impl FnOnce(&str) -> u16,
        tell: impl FnOnce(&Event<'_>),
    ) -> u16 {
        let user = User { function: function.as_ptr().addr(), share: site.share, path: path.concat() };
        let text = site.template.replace("{fn}", &user.path);
        let name = number(&text);
        site.met.store(self.number << NAME | u64::from(name), Relaxed);
        if let Some([first, second]) = self.add((site.kind, text), user) {
            let functions = [first.as_str(), second.as_str()];
            tell(&Event::SharedTemplate { kind: site.kind, template: site.template, functions });
        }
        name
    }

    /// Adds it, unless it is there; the paths of the first that shares unsaid and of the new one.
    fn add(&self, key: (Kind, String), user: User) -> Option<[String; 2]> {
        let mut users = locked(self.users.get_or_init(Mutex::default));
        let users = users.entry(key).or_default();
        if users.iter().any(|other| other.function == user.function) {
            return None;
        }
        let other = users.iter().find(|other| !(other.share && user.share));
        let told = other.map(|other| [other.path.clone(), user.path.clone()]);
        users.push(user);
        told
    }
}
