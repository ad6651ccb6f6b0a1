//! A way to PostgreSQL that breaks at the commit of one transaction.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// On which side of the commit the connection breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    /// The server never hears of it and rolls back.
    BeforeCommit,
    /// It is done, and the answer is lost.
    AfterCommit,
}

/// A TCP proxy in front of the server. The first connection that sends the marked statement loses
/// its next commit, or the answer to it; others live on.
pub(crate) struct Cuttable {
    /// The database's URL by way of the proxy.
    pub(crate) url: String,
    has_cut: Arc<AtomicBool>,
}

impl Cuttable {
    pub(crate) async fn between(url: &str, marked: &'static str, cut: Cut) -> Self {
        let server: http::Uri = url.parse().unwrap();
        let server = format!("{}:{}", server.host().unwrap(), server.port_u16().unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let own: SocketAddr = listener.local_addr().unwrap();
        let url = url.replacen(&server, &own.to_string(), 1);
        let has_cut = Arc::new(AtomicBool::new(false));
        let done = Arc::clone(&has_cut);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (server, done) = (server.clone(), Arc::clone(&done));
                // Either end may break off; the other notices by its connection closing.
                tokio::spawn(async move { drop(relay(client, &server, marked, cut, &done).await) });
            }
        });
        Self { url, has_cut }
    }

    /// Whether the connection was broken as planned.
    pub(crate) fn has_cut(&self) -> bool {
        self.has_cut.load(Ordering::SeqCst)
    }
}

async fn relay(
    mut client: TcpStream,
    server: &str,
    marked: &str,
    cut: Cut,
    done: &AtomicBool,
) -> io::Result<()> {
    let mut server = TcpStream::connect(server).await?;
    let (mut asked, mut answered) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    let mut is_marked = false;
    loop {
        tokio::select! {
            read = client.read(&mut asked) => {
                let asked = &asked[..read?];
                if asked.is_empty() {
                    return Ok(());
                }
                is_marked |= contains(asked, marked);
                if is_marked && contains(asked, "COMMIT") && !done.swap(true, Ordering::SeqCst) {
                    if cut == Cut::AfterCommit {
                        server.write_all(asked).await?;
                        // The first byte of an answer says that it is done.
                        server.read_exact(&mut answered[..1]).await?;
                    }
                    return Ok(());
                }
                server.write_all(asked).await?;
            }
            read = server.read(&mut answered) => {
                let answered = &answered[..read?];
                if answered.is_empty() {
                    return Ok(());
                }
                client.write_all(answered).await?;
            }
        }
    }
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}
