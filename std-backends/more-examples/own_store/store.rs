//! A store in one `SQLite` file: one table, one statement a call. To be copied.

use cachify::{Cause, Code, KvStore};
use rusqlite::{Connection, ErrorCode, OptionalExtension, named_params};
use std::{
    collections::HashMap,
    path::Path,
    sync::{Mutex, PoisonError},
    time::{Duration, SystemTime},
};

const SETUP: &str = "
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = NORMAL;
    CREATE TABLE IF NOT EXISTS cachify (key TEXT PRIMARY KEY, value BLOB NOT NULL, ends INTEGER) WITHOUT ROWID;";
const GET: &str = "SELECT value FROM cachify WHERE key = :key AND (ends IS NULL OR ends > :now)";
const INSERT: &str = "
    INSERT INTO cachify (key, value, ends) VALUES (:key, :new, :ends)
    ON CONFLICT (key) DO UPDATE SET value = excluded.value, ends = excluded.ends WHERE ends <= :now";
const UPDATE: &str = "
    UPDATE cachify SET value = :new, ends = :ends
    WHERE key = :key AND value = :old AND (ends IS NULL OR ends > :now)";
const DELETE: &str = "
    DELETE FROM cachify
    WHERE key = :key AND (:old IS NULL OR value = :old) AND (ends IS NULL OR ends > :now)";
const SWEEP: &str = "DELETE FROM cachify WHERE ends <= :now";

/// One connection. Each statement is a transaction of its own, so nobody comes between its parts.
pub(crate) struct Sqlite {
    connection: Mutex<Connection>,
    /// Since 1970. All who share the file must agree on it to within some seconds.
    now: Box<dyn Fn() -> Duration + Send + Sync>,
}

impl Sqlite {
    /// Opens or creates the file, on the clock of the system.
    pub(crate) fn open(path: &Path) -> rusqlite::Result<Self> {
        #[allow(clippy::disallowed_methods, reason = "a store tells the time itself")]
        let now = || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self::with_clock(path, now)
    }

    /// The same on another clock, for tests.
    pub(crate) fn with_clock(
        path: &Path,
        now: impl Fn() -> Duration + Send + Sync + 'static,
    ) -> rusqlite::Result<Self> {
        let connection = Connection::open(path)?;
        // how long a call waits while another process writes
        connection.busy_timeout(Duration::from_millis(400))?;
        connection.execute_batch(SETUP)?;
        connection.execute(SWEEP, named_params! { ":now": millis(now()) })?;
        Ok(Self { connection: Mutex::new(connection), now: Box::new(now) })
    }

    fn with<T>(&self, statement: impl FnOnce(&Connection, i64) -> rusqlite::Result<T>) -> Result<T, Cause> {
        // read before the wait for the file, so that nothing lasts longer than its holder is told
        let now = millis((self.now)());
        let connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        statement(&connection, now).map_err(|e| match e.sqlite_error_code() {
            // the disk failed while it was being done
            Some(ErrorCode::SystemIoFailure) => Cause::TimedOut,
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Cause::NotNow("others write all the time"),
            Some(ErrorCode::CannotOpen) => Cause::Unreachable,
            _ => {
                let code = e.sqlite_error().map(|e| e.extended_code.to_string()).unwrap_or_default();
                Cause::Rejected { why: "SQLite refused the statement", code: Code::new(&code) }
            }
        })
    }
}

impl KvStore for Sqlite {
    type Error = Cause;

    fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Cause> {
        self.with(|c, now| {
            let mut get = c.prepare_cached(GET)?;
            get.query_row(named_params! { ":key": key, ":now": now }, |row| row.get(0)).optional()
        })
    }

    fn compare_exchange(
        &self,
        key: &str,
        old: Option<&[u8]>,
        new: Option<&[u8]>,
        ttl: Option<Duration>,
    ) -> Result<bool, Cause> {
        self.with(|c, now| {
            let ends = ttl.map(|ttl| now.saturating_add(millis(ttl)));
            let changed = match (old, new) {
                (None, new) => c
                    .prepare_cached(INSERT)?
                    .execute(named_params! { ":key": key, ":new": new, ":ends": ends, ":now": now })?,
                (Some(old), Some(new)) => c
                    .prepare_cached(UPDATE)?
                    .execute(named_params! { ":key": key, ":old": old, ":new": new, ":ends": ends, ":now": now })?,
                (Some(old), None) => {
                    c.prepare_cached(DELETE)?.execute(named_params! { ":key": key, ":old": old, ":now": now })?
                }
            };
            Ok(changed == 1)
        })
    }

    fn remove(&self, key: &str) -> Result<bool, Cause> {
        self.with(|c, now| {
            let all: Option<&[u8]> = None;
            let removed = c.prepare_cached(DELETE)?.execute(named_params! { ":key": key, ":old": all, ":now": now })?;
            Ok(removed == 1)
        })
    }

    fn get_many(&self, keys: &[String]) -> Result<Vec<Option<Vec<u8>>>, Cause> {
        let marks = vec!["?"; keys.len()].join(", ");
        let statement = format!("SELECT key, value FROM cachify WHERE (ends IS NULL OR ends > ?) AND key IN ({marks})");
        let found: HashMap<String, Vec<u8>> = self.with(|c, now| {
            let mut get = c.prepare_cached(&statement)?;
            get.raw_bind_parameter(1, now)?;
            for (key, at) in keys.iter().zip(2..) {
                get.raw_bind_parameter(at, key)?;
            }
            get.raw_query().mapped(|row| Ok((row.get(0)?, row.get(1)?))).collect()
        })?;
        Ok(keys.iter().map(|key| found.get(key).cloned()).collect())
    }

    fn at_once(&self) -> usize {
        64
    }

    fn micros(&self) -> Option<u64> {
        u64::try_from((self.now)().as_micros()).ok()
    }

    fn sweep(&self) {
        // what is not swept now is swept later
        let _ = self.with(|c, now| c.execute(SWEEP, named_params! { ":now": now }));
    }
}

/// Rounded up: nothing ends early.
fn millis(d: Duration) -> i64 {
    i64::try_from(d.as_nanos().div_ceil(1_000_000)).unwrap_or(i64::MAX)
}
