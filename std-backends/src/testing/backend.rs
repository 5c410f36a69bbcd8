//! The contract of `Backend`, one message per MUST that one process can see.

use super::{Broken, Pace, Time, conformance, large, names};
use crate::{
    Builder, Cachify, Refused,
    backend::{Ask, Backend, Call, Left, Op, Outcome, OwnedKey, Reply},
};
use cachify_core::{
    Cause, Holding,
    key::{Key, Kind},
    store::Platform,
    token::HolderToken,
};
use std::{future::Future, sync::Arc, time::Duration};

const SILENT: Broken = Broken("answer while it is reachable");

/// How long an operation may take, and what was left behind before it is given back.
const LIMIT: Duration = Duration::from_secs(10);

/// The contract of [`Backend`] as tasks see it; `open` says how an instance reaches the store. Keys begin with `namespace`,
/// which nobody else uses; some stay until their TTL.
///
/// ```no_run
/// # use cachify::{Backend, Cachify, testing};
/// # async fn tried<B: Backend>(my_store: impl Fn() -> B) -> Result<(), testing::Broken> {
/// let open = || Cachify::builder().store(my_store());
/// testing::backend(open, "suite-1:", &std::thread::sleep).await
/// # }
/// ```
///
/// # Errors
/// The first promise that is not kept.
pub async fn backend(open: impl Fn() -> Builder, namespace: &str, time: &impl Time) -> Result<(), Broken> {
    let c = opened(&open, &format!("{namespace}tasks:"))?;
    conformance::all(c.clone(), time, [vec![1_u8], Vec::new()]).await?;
    let pace = Pace::of(time);
    // a plain text with braces is no key
    let keys: Vec<_> = names().filter(|name| !name.contains('{')).map(|name| format!("n{name}")).collect();
    let mut held = Vec::new();
    for key in &keys {
        held.push(c.lock(key).ttl(LIMIT).acquire().await.map_err(|why| apart(&why))?);
    }
    for key in &keys {
        let again = c.lock(key).try_acquire().await.map_err(|why| apart(&why))?;
        must(again.is_none(), "know a key again, whatever its characters and its length")?;
    }
    for guard in held {
        must(guard.release().await == Ok(Holding::Held), "release a lease of any key")?;
    }
    let _ = c.cache("large").get_or_insert(async { large() }).await;
    must(c.cache("large").get().await == Ok(Some(large())), "give back values of a mebibyte")?;
    must(c.cache("large").reset().await == Ok(true), "forget values of a mebibyte")?;
    let left = Behind::of(&c, &pace)?;
    left.is_taken_back(async |call| left.backend.clone().call(call).await).await
}

/// The contract of [`Backend`] as threads see it. Keys begin with `namespace`, which nobody else uses; some stay until their
/// TTL.
///
/// # Errors
/// The first promise that is not kept.
pub fn backend_blocking(open: impl Fn() -> Builder, namespace: &str, time: &impl Time) -> Result<(), Broken> {
    let c = opened(&open, &format!("{namespace}threads:"))?;
    conformance::all_blocking(c.clone(), time, [vec![1_u8], Vec::new()])?;
    let left = Behind::of(&c, &Pace::of(time))?;
    left.renews_many()?;
    cachify_core::testing::block_on(left.is_taken_back(async |call| left.backend.clone().call_blocking(call)))
}

fn opened(open: impl Fn() -> Builder, prefix: &str) -> Result<Cachify, Broken> {
    open().prefix(prefix).build().map_err(|_| Broken("be reachable"))
}

fn must(holds: bool, what: &'static str) -> Result<(), Broken> {
    if holds { Ok(()) } else { Err(Broken(what)) }
}

fn apart(why: &Refused) -> Broken {
    match why {
        Refused::Busy { .. } => Broken("keep keys apart, whatever their characters and their length"),
        _ => Broken("take keys of any character and length"),
    }
}

/// Calls as an instance makes them.
struct Behind<'a> {
    c: &'a Cachify,
    backend: Arc<dyn Backend>,
    ttl: u64,
}

impl<'a> Behind<'a> {
    fn of(c: &'a Cachify, pace: &Pace<'_, impl Time>) -> Result<Self, Broken> {
        let remote =
            c.instance().store().as_remote().ok_or(Broken("lie outside the process, to be asked by this suite"))?;
        Ok(Self { c, backend: remote.backend(), ttl: pace.ttl().as_millis() as u64 })
    }

    fn token(&self) -> HolderToken {
        self.c.instance().store().token()
    }

    fn key(&self, kind: Kind, name: &str) -> OwnedKey {
        OwnedKey::of(Key::new(kind, self.c.instance().store().prefix(), name.as_bytes(), 0))
    }

    fn acquire(&self, key: &OwnedKey, token: HolderToken) -> Call {
        Call::new(key.clone(), token, Op::Acquire(Ask { ttl: self.ttl, wait: 0, size: 1 }), LIMIT)
    }

    /// Renewals of one moment: answered in their order, whoever of them still holds anything.
    fn renews_many(&self) -> Result<(), Broken> {
        let keys: Vec<_> = (0..3).map(|n| self.key(Kind::Lock, &format!("many-{n}"))).collect();
        let tokens = [(); 3].map(|()| self.token());
        for at in [0, 2] {
            let got = self.backend.clone().call_blocking(self.acquire(&keys[at], tokens[at]));
            must(matches!(got, Ok(Reply::Granted { .. })), "grant a free lease")?;
        }
        let call = |op| keys.iter().zip(tokens).map(|(key, token)| Call::new(key.clone(), token, op, LIMIT)).collect();
        for op in [Op::Renew { ttl: self.ttl }, Op::Release(Outcome::Free)] {
            let answers = self.backend.clone().call_many_blocking(call(op));
            let is = [Holding::Held, Holding::Lost, Holding::Held].map(|holding| Ok(Reply::Held(holding)));
            must(answers == is, "answer many calls in their order")?;
        }
        Ok(())
    }

    /// What its holder left behind, who waits for no answer.
    async fn is_taken_back<F: Future<Output = Result<Reply, Cause>>>(
        &self,
        call: impl Fn(Call) -> F,
    ) -> Result<(), Broken> {
        let lock = self.key(Kind::Lock, "left");
        let (a, b, stranger) = (self.token(), self.token(), self.token());
        let ask = async |key: &OwnedKey, token| call(self.acquire(key, token)).await.map_err(|_| SILENT);
        let granted = |reply: &Reply| matches!(reply, Reply::Granted { .. });
        must(granted(&ask(&lock, a).await?), "grant a free lease")?;
        self.leave(&lock, stranger, Left::Lease).await;
        must(matches!(ask(&lock, b).await?, Reply::Busy { .. }), "take nothing back that somebody else holds")?;
        self.leave(&lock, a, Left::Lease).await;
        must(granted(&ask(&lock, b).await?), "take back what was abandoned, before `flush` ends")?;
        self.leave(&lock, b, Left::HandOff).await;
        must(matches!(ask(&lock, a).await?, Reply::Busy { .. }), "keep a lease when a wake-up alone is handed on")?;
        self.leave(&lock, b, Left::WakeUp).await;
        let run = self.key(Kind::Once, "left");
        must(granted(&ask(&run, a).await?), "grant a free run")?;
        self.leave(&run, a, Left::Done { fresh: self.ttl, ttl: self.ttl }).await;
        must(matches!(ask(&run, b).await?, Reply::Done { .. }), "keep the marker of a run whose holder left")
    }

    async fn leave(&self, key: &OwnedKey, token: HolderToken, left: Left) {
        self.backend.clone().abandon(key.clone(), token, left);
        self.backend.clone().flush().await;
    }
}
