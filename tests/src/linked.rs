//! Links that rustdoc must understand: [`loads`], [`both`], [`Service::total`], in `.ci/checks/docs`.

use cachify::{Refused, cached, lock};

/// Loads it; see [`both`], and [`loads`] itself.
#[cached(key = "loads:{id}", ttl = 60)]
pub fn loads(id: u64) -> u64 {
    id
}

/// Reaches [`loads`], one at a time.
///
/// # Errors
/// Where somebody else is inside.
#[cached(key = "both:{id}", ttl = 60, companions = both_of_them)]
#[lock(key = "both:{id}")]
pub async fn both(id: u64) -> Result<u64, Refused> {
    Ok(id)
}

/// A service.
#[derive(Clone, Copy, Debug)]
pub struct Service;

impl Service {
    /// The total; see [`Self::total_reset`].
    #[cached(key = "total:{n}", ttl = 5)]
    #[must_use]
    pub fn total(&self, n: u64) -> u64 {
        n
    }
}
