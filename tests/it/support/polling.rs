//! An Engine.IO client over long polling.

use std::net::SocketAddr;

use serde_json::Value;

use super::http::{Answer, Call};

const PATH: &str = "/socket.io/?EIO=4&transport=polling";

pub(crate) struct Polling {
    address: SocketAddr,
    pub(crate) sid: String,
}

impl Polling {
    pub(crate) async fn open(address: SocketAddr) -> Self {
        let answer = Call::new(address, "GET", PATH).send().await;
        assert_eq!(answer.status, 200);
        let open: Value = serde_json::from_str(&answer.text()[1..]).unwrap();
        Self { address, sid: open["sid"].as_str().unwrap().to_owned() }
    }

    pub(crate) fn get(&self) -> Call {
        Call::new(self.address, "GET", &format!("{PATH}&sid={}", self.sid))
    }

    pub(crate) fn post(&self, body: impl Into<bytes::Bytes>) -> Call {
        Call::new(self.address, "POST", &format!("{PATH}&sid={}", self.sid))
            .header("content-type", "text/plain;charset=UTF-8")
            .body(body)
    }

    /// Joins a namespace and answers the first packets that come.
    pub(crate) async fn join(&self, namespace: &str, auth: &Value) -> Answer {
        let pushed = self.post(format!("40{namespace},{auth}")).send().await;
        assert_eq!(pushed.status, 200);
        self.get().send().await
    }
}
