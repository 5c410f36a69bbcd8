//! What people and machines see of a gateway: `/health` and `/metrics`, on a port of its own.
//!
//! Not here: what is counted of a line, which is where it happens.

use crate::{
    counts,
    options::{Failure, Line},
};
use cachify::{
    Cachify, Error,
    cachify_core::time::{Clock, Instant},
    clock::StdClock,
};
use hyper::{Method, Request, Response, StatusCode, body::Incoming, header, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use std::{convert::Infallible, sync::Arc, time::Duration};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Mutex, Semaphore},
    time::{interval, sleep, timeout},
};

/// How many are answered at a time; others wait until they are accepted.
const MOST: usize = 16;
/// For how long one may ask and read.
const LONGEST: Duration = Duration::from_secs(10);
/// For how long an answer of the store is that of all who ask.
const FRESH: Duration = Duration::from_secs(1);
/// How often what was measured is summed up, which else would take room until somebody looks.
const SUM: Duration = Duration::from_secs(5);
/// Where the bars of a histogram end, in seconds: from a server nearby to a lease of a minute.
const BUCKETS: [f64; 14] = [0.000_1, 0.000_3, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 60.0, 300.0];

/// An open port, and what is counted from now on.
pub(crate) struct Status {
    listener: TcpListener,
    metrics: PrometheusHandle,
}

impl Status {
    /// Opens it; before the instance is made, which is counted too.
    pub(crate) async fn open(address: &str) -> Result<Self, Failure> {
        let failure = |why| Failure::Listen(Line::Tcp(address.to_owned()), why);
        let listener = TcpListener::bind(address).await.map_err(failure)?;
        let builder = PrometheusBuilder::new().set_buckets(&BUCKETS).map_err(|_| Failure::Broken)?;
        let metrics = builder.install_recorder().map_err(|_| Failure::Broken)?;
        counts::describe();
        Ok(Self { listener, metrics })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> String {
        self.listener.local_addr().map_or_else(|why| why.to_string(), |address| address.to_string())
    }

    /// Answers whoever asks.
    pub(crate) async fn serve(self, instance: Cachify) -> Infallible {
        let Self { listener, metrics } = self;
        let (page, room) = (
            Arc::new(Page { instance, metrics, clock: StdClock::system(), last: Mutex::new(None) }),
            Arc::new(Semaphore::new(MOST)),
        );
        let mut sum = interval(SUM);
        loop {
            let place = async { room.clone().acquire_owned().await.ok() };
            let come = async { (place.await, listener.accept().await) };
            tokio::select! {
                (place, come) = come => match come {
                    Ok((stream, _)) => {
                        let page = page.clone();
                        tokio::spawn(async move {
                            // one that is slow is cut off
                            let _ = timeout(LONGEST, page.answer(stream)).await;
                            drop(place);
                        });
                    }
                    // as when there is no file left
                    Err(_) => sleep(Duration::from_millis(100)).await,
                },
                _ = sum.tick() => page.metrics.run_upkeep(),
            }
        }
    }
}

struct Page {
    instance: Cachify,
    metrics: PrometheusHandle,
    clock: StdClock,
    /// What the store said last.
    last: Mutex<Option<(Instant, Result<(), Error>)>>,
}

impl Page {
    async fn answer(&self, stream: TcpStream) {
        let answer = service_fn(async |request: Request<Incoming>| Ok::<_, Infallible>(self.page(&request).await));
        // whoever leaves before the end has left
        let _ = http1::Builder::new()
            .keep_alive(false)
            .max_buf_size(8_192)
            .serve_connection(TokioIo::new(stream), answer)
            .await;
    }

    async fn page(&self, request: &Request<Incoming>) -> Response<String> {
        let (status, text) = match (request.method(), request.uri().path()) {
            (&Method::GET, "/health") => match self.health().await {
                Ok(()) => (StatusCode::OK, "ready\n".to_owned()),
                Err(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("degraded: {why}\n")),
            },
            (&Method::GET, "/metrics") => (StatusCode::OK, self.metrics.render()),
            (&Method::GET, _) => (StatusCode::NOT_FOUND, "there are /health and /metrics\n".to_owned()),
            _ => (StatusCode::METHOD_NOT_ALLOWED, "GET is all that may be asked\n".to_owned()),
        };
        let mut response = Response::new(text);
        *response.status_mut() = status;
        let plain = header::HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
        response.headers_mut().insert(header::CONTENT_TYPE, plain);
        response
    }

    /// Whether the store answers: asked once a second, whoever wants to know.
    async fn health(&self) -> Result<(), Error> {
        let mut last = self.last.lock().await;
        if let Some((at, said)) = *last
            && self.clock.now().since(at) < FRESH
        {
            return said;
        }
        let said = self.instance.ping().await.map(drop);
        *last = Some((self.clock.now(), said));
        said
    }
}
