//! A value on its way out of the process, with the end of its flight.

#[cfg(feature = "link")]
use super::away::Look;
use super::{
    AnyStore, Remote,
    away::{Away, InFlight},
};
use crate::loads::Part;
use cachify_core::{
    Cause,
    op::{Answer, Op, Request},
};
use std::task::{Context, Poll, ready};

impl AnyStore {
    /// A value as bytes on its way out of the process, with the end of its flight.
    pub(super) fn poll_landing(
        &self,
        state: &mut InFlight,
        remote: &Remote,
        request: &Request<'_>,
        cx: &mut Context<'_>,
        bytes: impl FnOnce() -> Result<Vec<u8>, Cause>,
    ) -> Poll<Result<Option<Answer>, Cause>> {
        let away = state.remote.get_or_insert_default();
        if matches!(away.load, Some(Part::Leads(..))) {
            return self.led_to(away, bytes).map_ok(Some);
        }
        if matches!(request.op, Op::Insert { .. }) {
            // nobody's flight: what cannot be sent is not asked
            ready!(self.poll_learn(away, remote, request, cx))?;
            let bytes = if away.call.get().is_none() { Some(self.dated(away, bytes()?)) } else { None };
            let reply = ready!(self.poll_away(away, remote, request, *request.op, |_| bytes, cx))?;
            return Poll::Ready(Ok(Some(away.read(reply, request.now))));
        }
        let is_waited_for = || self.is_waited_for(remote, request.key);
        let encoded = |away: &mut Away| match bytes() {
            Ok(bytes) => {
                let bytes = self.dated(away, bytes);
                away.copy = is_waited_for().then(|| bytes.clone());
                Some(bytes)
            }
            Err(cause) => {
                away.unfit = Some(cause);
                None
            }
        };
        let reply = ready!(self.poll_away(away, remote, request, *request.op, encoded, cx))?;
        self.landed(away, remote, request.key, &reply);
        Poll::Ready(match away.unfit {
            Some(cause) => Err(cause),
            None => Ok(Some(away.read(reply, request.now))),
        })
    }

    /// The question is a device's.
    #[cfg(feature = "link")]
    pub(super) fn for_device(state: &mut InFlight) {
        state.remote.get_or_insert_default().look = Look::Never;
    }

    /// The caller has room for so many bytes.
    #[cfg(feature = "link")]
    pub(super) fn with_room(state: &mut InFlight, bytes: usize) {
        state.remote.get_or_insert_default().room = Some(bytes);
    }

    /// The bytes that the last answer brought from outside the process.
    #[cfg(feature = "link")]
    pub(super) fn brought(state: &mut InFlight) -> Option<Vec<u8>> {
        state.remote.as_mut()?.value.take()
    }
}
