//! A request for a right: what a lock, a run or a pool asks for, on any face.

use super::{Claim, Held, refused};
use crate::{
    drive::{Face, instance},
    instance::Handle,
    outcome::Refused,
    patience::Patience,
    store::{AsyncRights, Host, Want},
    time::{Clock, Instant},
};
use core::time::Duration;

/// How long to wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wait {
    /// Not at all.
    #[default]
    No,
    /// At most this long.
    For(Duration),
    /// Without limit.
    Forever,
}

impl Wait {
    pub(crate) fn patience(self, clock: &impl Clock, poll: Duration) -> Patience {
        let deadline = match self {
            Self::No => Instant::ZERO,
            Self::For(wait) if wait.is_zero() => clock.now(),
            Self::For(wait) => clock.now().plus(clock.cut()).saturating_add(wait),
            Self::Forever => Instant::MAX,
        };
        Patience { deadline, poll }
    }
}

/// What a lock, a run or a pool asks for, on any face.
#[derive(Debug)]
pub struct Request<P: Handle> {
    pub(crate) key: <P::Store as Host>::KeyBuf,
    pub(crate) want: Want,
    pub(crate) ttl: Duration,
    pub(crate) wait: Wait,
}

impl<P: Handle> Request<P> {
    /// A right about to be asked for, if it can be.
    #[cfg_attr(not(target_pointer_width = "64"), inline(never))]
    pub(crate) fn claim<F: Face<Handle = P>>(self, face: &F) -> Result<Claim<F>, Refused> {
        if self.ttl.is_zero() || self.want == (Want::Permit { size: 0 }) {
            return Err(refused(face, Refused::Zero));
        }
        let patience = self.wait.patience(instance(face).store().clock(), instance(face).config().poll);
        Claim::armed(face, self.key, self.want, self.ttl, patience).map_err(|why| refused(face, why.into()))
    }

    /// Asks until granted or out of patience.
    pub(crate) async fn obtain<F: Face<Handle = P> + AsyncRights, R>(self, face: F) -> Result<Held<F, R>, Refused> {
        let mut claim = self.claim(&face)?;
        match claim.obtain().await {
            None => Ok(Held::of(claim)),
            Some(why) => Err(why),
        }
    }
}
