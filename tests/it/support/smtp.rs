//! A mail server that keeps what it is given (RFC 5321), and can be told to misbehave.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use parking_lot::Mutex;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};

use super::within;

/// What goes wrong with one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// "Later" (4xx).
    Defer,
    /// "Never" (5xx), repeating the address as servers do.
    Refuse,
    /// The connection breaks in the middle of the message.
    Cut,
}

/// How a server is set up.
#[derive(Debug, Clone, Default)]
pub(crate) struct Setup {
    /// User and password that it asks for.
    pub(crate) credentials: Option<(&'static str, &'static str)>,
    /// Offers STARTTLS, and breaks off when taken at its word.
    pub(crate) offers_tls: bool,
    /// For the first messages, in order; later ones are taken.
    pub(crate) troubles: VecDeque<Trouble>,
}

pub(crate) struct MailServer {
    pub(crate) address: SocketAddr,
    mails: mpsc::UnboundedReceiver<Received>,
    /// Every command, the content of messages left out.
    commands: watch::Receiver<Vec<String>>,
}

/// A message as it was handed over.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    pub(crate) from: String,
    pub(crate) to: String,
    content: String,
}

impl MailServer {
    pub(crate) async fn start() -> Self {
        Self::set_up(Setup::default()).await
    }

    pub(crate) async fn set_up(setup: Setup) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (keep, mails) = mpsc::unbounded_channel();
        let (heard, commands) = watch::channel(Vec::new());
        let setup = Arc::new(Mutex::new(setup));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let talk = Talk {
                    stream: BufReader::new(stream),
                    setup: Arc::clone(&setup),
                    heard: heard.clone(),
                    keep: keep.clone(),
                };
                tokio::spawn(talk.run());
            }
        });
        Self { address, mails, commands }
    }

    pub(crate) fn url(&self) -> String {
        format!("smtp://{}", self.address)
    }

    /// The next mail.
    pub(crate) async fn next(&mut self) -> Received {
        within("a mail", self.mails.recv()).await.unwrap()
    }

    /// Waits for a command that starts like this.
    pub(crate) async fn asked(&mut self, start: &str) {
        let is_there = |heard: &Vec<String>| heard.iter().any(|line| line.starts_with(start));
        drop(within(start, self.commands.wait_for(is_there)).await.unwrap());
    }

    /// How many commands started like this.
    pub(crate) fn count(&self, start: &str) -> usize {
        self.commands.borrow().iter().filter(|line| line.starts_with(start)).count()
    }

    /// Mails that came and were not looked at.
    pub(crate) fn rest(&mut self) -> Vec<Received> {
        std::iter::from_fn(|| self.mails.try_recv().ok()).collect()
    }
}

impl Received {
    /// The value of a header, unfolded and decoded.
    pub(crate) fn header(&self, name: &str) -> String {
        let (head, _) = self.content.split_once("\r\n\r\n").unwrap();
        let head = head.replace("\r\n ", " ").replace("?= =?", "?==?");
        let line = head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        let line = line.unwrap_or_else(|| panic!("no {name} in {head}"));
        let words = line.replace("=?utf-8?b?", "\0").replace("?=", "\0");
        let word = |(at, word): (usize, &str)| match at % 2 {
            0 => word.to_owned(),
            _ => String::from_utf8(STANDARD.decode(word).unwrap()).unwrap(),
        };
        words.split('\0').enumerate().map(word).collect()
    }

    pub(crate) fn text(&self) -> String {
        self.part("text/plain")
    }

    pub(crate) fn html(&self) -> String {
        self.part("text/html")
    }

    /// The address in the text part.
    pub(crate) fn link(&self) -> String {
        let text = self.text();
        let link = text.lines().find(|line| line.starts_with("http")).expect("a link in the text");
        link.to_owned()
    }

    /// The token in the fragment of the link.
    pub(crate) fn token(&self) -> String {
        self.link().split_once("#token=").unwrap().1.to_owned()
    }

    fn part(&self, kind: &str) -> String {
        let (_, part) = self.content.split_once(&format!("Content-Type: {kind}")).unwrap();
        let (head, rest) = part.split_once("\r\n\r\n").unwrap();
        let (body, _) = rest.split_once("\r\n--").unwrap();
        match head.split("Content-Transfer-Encoding: ").nth(1).map(|it| it.lines().next().unwrap())
        {
            Some("quoted-printable") => unquoted(body),
            Some("base64") => {
                let lines: String = body.split_whitespace().collect();
                String::from_utf8(STANDARD.decode(lines).unwrap()).unwrap()
            }
            _ => body.to_owned(),
        }
    }
}

/// Quoted-printable (RFC 2045 §6.7).
fn unquoted(text: &str) -> String {
    let text = text.replace("=\r\n", "");
    let mut pieces = text.split('=');
    let mut bytes = pieces.next().unwrap().as_bytes().to_vec();
    for piece in pieces {
        let (code, rest) = piece.split_at(2);
        bytes.push(u8::from_str_radix(code, 16).unwrap());
        bytes.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(bytes).unwrap().replace("\r\n", "\n")
}

/// One connection.
struct Talk {
    stream: BufReader<TcpStream>,
    setup: Arc<Mutex<Setup>>,
    heard: watch::Sender<Vec<String>>,
    keep: mpsc::UnboundedSender<Received>,
}

impl Talk {
    /// Ends when the client goes away, or is sent away.
    async fn run(mut self) -> Option<()> {
        let (credentials, offers_tls) = {
            let setup = self.setup.lock();
            (setup.credentials, setup.offers_tls)
        };
        let (mut is_known, mut from, mut to) =
            (credentials.is_none(), String::new(), String::new());
        self.say("220 mail.test").await?;
        loop {
            let line = self.line().await?;
            self.heard.send_modify(|heard| heard.push(line.clone()));
            let command = line.to_ascii_uppercase();
            if command.starts_with("EHLO") {
                let tls = if offers_tls { "250-STARTTLS\r\n" } else { "" };
                self.say(&format!("250-mail.test\r\n{tls}250-8BITMIME\r\n250 AUTH PLAIN")).await?;
            } else if command == "STARTTLS" {
                self.say("220 go ahead").await?;
                return None;
            } else if let Some((user, password)) =
                credentials.filter(|_| command.starts_with("AUTH PLAIN "))
            {
                let expected = STANDARD.encode(format!("\0{user}\0{password}"));
                is_known = line[11..] == expected;
                self.say(if is_known { "235 welcome" } else { "535 who are you" }).await?;
            } else if command.starts_with("MAIL FROM:") {
                from = address(&line);
                self.say(if is_known { "250 ok" } else { "530 sign in first" }).await?;
            } else if command.starts_with("RCPT TO:") {
                to = address(&line);
                let answer = match self.trouble(&[Trouble::Defer, Trouble::Refuse]) {
                    Some(Trouble::Defer) => "451 try later".to_owned(),
                    Some(_) => format!("550 <{to}> is unknown here"),
                    None => "250 ok".to_owned(),
                };
                self.say(&answer).await?;
            } else if command == "DATA" {
                self.say("354 go ahead").await?;
                if self.trouble(&[Trouble::Cut]).is_some() {
                    return None;
                }
                let content = self.content().await?;
                self.say("250 kept").await?;
                self.keep.send(Received { from: from.clone(), to: to.clone(), content }).ok()?;
            } else if command == "QUIT" {
                return self.say("221 bye").await;
            } else {
                self.say("250 ok").await?;
            }
        }
    }

    /// The trouble whose turn it is, if it is one of these.
    fn trouble(&self, kinds: &[Trouble]) -> Option<Trouble> {
        let mut setup = self.setup.lock();
        let next = setup.troubles.front().copied().filter(|trouble| kinds.contains(trouble));
        if next.is_some() {
            setup.troubles.pop_front();
        }
        next
    }

    async fn content(&mut self) -> Option<String> {
        let mut content = String::new();
        loop {
            let line = self.line().await?;
            if line == "." {
                return Some(content);
            }
            content.push_str(line.strip_prefix('.').unwrap_or(&line));
            content.push_str("\r\n");
        }
    }

    async fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = self.stream.read_line(&mut line).await.ok()?;
        (read > 0).then(|| line.trim_end_matches("\r\n").to_owned())
    }

    async fn say(&mut self, line: &str) -> Option<()> {
        self.stream.get_mut().write_all(format!("{line}\r\n").as_bytes()).await.ok()
    }
}

fn address(line: &str) -> String {
    let (_, rest) = line.split_once('<').unwrap();
    rest.split_once('>').unwrap().0.to_owned()
}
