//! Waiting for devices on one line.

use crate::{
    device::{Devices, Visit, say},
    doorway::Doorway,
    options::{Failure, Line},
};
use serial2_tokio::SerialPort;
use socket2::{SockRef, TcpKeepalive};
use std::{convert::Infallible, fs, io, path::Path, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, UnixListener, UnixStream},
    task::JoinSet,
    time::sleep,
};

/// How long to wait before a line that broke, or an accept that failed, is tried again.
const PAUSE: Duration = Duration::from_millis(500);

/// Serves the devices of one line; ends only when it cannot be opened.
pub(crate) async fn on(line: Line, baud: u32, devices: Arc<Devices>) -> Result<Infallible, Failure> {
    match &line {
        Line::Tcp(address) => {
            let listener = TcpListener::bind(address).await.map_err(|why| Failure::Listen(line.clone(), why))?;
            let address = listener.local_addr().map_err(|why| Failure::Listen(line.clone(), why))?;
            say(format_args!("gateway: listening on tcp:{address}"));
            Ok(Listener::Tcp(listener).serve(&devices).await)
        }
        Line::Unix(path) => {
            let listener = bind(path).await?;
            let _gone = Remove(path);
            say(format_args!("gateway: listening on {line}"));
            Ok(Listener::Unix(listener, line.to_string()).serve(&devices).await)
        }
        Line::Serial(path) => {
            let open = || SerialPort::open(path, baud);
            // a device that is not there at the start is a mistake; later it may be unplugged for a while
            let mut port = Some(open().map_err(|why| Failure::Listen(line.clone(), why))?);
            say(format_args!("gateway: listening on {line}"));
            // what it remembers of the device's requests outlives a line that breaks
            let (doorway, mut known) = (Doorway::new(devices.clone(), line.to_string(), true), None);
            loop {
                if let Some(port) = port.take() {
                    let visit = Visit::on_own_line(&devices, line.to_string());
                    visit.serve(&devices, &doorway, &mut known, port).await;
                }
                sleep(PAUSE).await;
                port = open().ok();
            }
        }
    }
}

/// A line on which each connection is a device.
enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener, String),
}

impl Listener {
    /// Serves each connection in a task of its own; all of them end with this future.
    async fn serve(self, devices: &Arc<Devices>) -> Infallible {
        let mut tasks = JoinSet::new();
        loop {
            while tasks.try_join_next().is_some() {}
            match self.accept().await {
                Ok((stream, peer)) => {
                    let doorway = Doorway::new(devices.clone(), peer.clone(), false);
                    if let Some(visit) = Visit::begin(devices, peer) {
                        let devices = devices.clone();
                        tasks.spawn(async move {
                            visit.serve(&devices, &doorway, &mut None, stream).await;
                        });
                    }
                }
                // too many open files, or a peer that left at once
                Err(_) => sleep(PAUSE).await,
            }
        }
    }

    async fn accept(&self) -> io::Result<(Box<dyn Stream>, String)> {
        Ok(match self {
            Self::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                stream.set_nodelay(true)?;
                // a device that lost its power says no good-bye, and would keep its place for ever
                let probes =
                    TcpKeepalive::new().with_time(Duration::from_secs(60)).with_interval(Duration::from_secs(15));
                SockRef::from(&stream).set_tcp_keepalive(&probes)?;
                (Box::new(stream), format!("tcp:{peer}"))
            }
            Self::Unix(listener, line) => (Box::new(listener.accept().await?.0), line.clone()),
        })
    }
}

/// A connection, whatever carries it.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// A socket that a dead gateway left behind is replaced.
async fn bind(path: &Path) -> Result<UnixListener, Failure> {
    let failed = |why| Failure::Listen(Line::Unix(path.to_owned()), why);
    match UnixListener::bind(path) {
        Err(why) if why.kind() == io::ErrorKind::AddrInUse => {
            match UnixStream::connect(path).await {
                Ok(_) => return Err(Failure::Taken(path.to_owned())),
                Err(why) if why.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path).map_err(failed)?,
                Err(why) => return Err(failed(why)),
            }
            UnixListener::bind(path).map_err(failed)
        }
        bound => bound.map_err(failed),
    }
}

/// Removes a socket when its listener goes.
struct Remove<'p>(&'p Path);

impl Drop for Remove<'_> {
    fn drop(&mut self) {
        let _ = fs::remove_file(self.0);
    }
}
