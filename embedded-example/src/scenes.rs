//! What the firmware does, one primitive a file; each scene prints a line and says whether it ended well.

pub mod bus;
pub mod button;
pub mod lease;
pub mod radio;
pub mod sensor;
pub mod urgent;

use embassy_executor::{SpawnError, SpawnToken, Spawner};
use embedded_example::board;

/// Starts a task; a pool of tasks that is too small is a mistake in the scene.
fn start<S>(spawner: Spawner, task: Result<SpawnToken<S>, SpawnError>) {
    spawner.spawn(task.unwrap_or_else(|_| board::exit(2)));
}
