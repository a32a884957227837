//! A request outside any call.

use std::future::{Future, IntoFuture};
use std::pin::Pin;

use sip_signaling::{Body, HeaderList, Method, Response};

use crate::{Account, Error};

/// A request outside any call about to be sent: its headers and body, then `.await` for its 2xx. Challenges are answered.
///
/// # Errors
///
/// Awaiting it gives [`Error::Config`] for a method that begins or belongs to a call, registration or subscription, and for a target, header
/// or body type that cannot be used; [`Error::Rejected`] for any final answer but 2xx, [`Error::Unauthorized`], [`Error::Timeout`],
/// [`Error::Transport`].
///
/// Cancel safe: it may have been sent.
#[must_use = "a request is sent when it is awaited"]
#[derive(Debug)]
pub struct Request {
    account: Account,
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: Option<Body>,
}

impl Request {
    pub(crate) fn new(account: Account, method: &str, target: &str) -> Self {
        Self {
            account,
            method: method.to_owned(),
            target: target.to_owned(),
            headers: Vec::new(),
            body: None,
        }
    }

    /// Adds a header field. CR, LF and NUL are refused when it is sent.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sets the body and its type.
    pub fn body(mut self, content_type: &str, bytes: impl Into<Vec<u8>>) -> Self {
        self.body = Some(Body::new(content_type, bytes));
        self
    }

    async fn send(self) -> Result<Response, Error> {
        let mut headers = HeaderList::new();
        for (name, value) in &self.headers {
            headers.push(name, value.as_str())?;
        }
        let method = Method::parse(&self.method)?;
        self.account
            .send(method, &self.target, headers, self.body)
            .await
    }
}

impl IntoFuture for Request {
    type Output = Result<Response, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}
