//! One comment on a pull request: found by its marker and edited, or created if there is none.
//!
//! The [`Host`]s build requests as values and parse replies without a network. Only [`client`] sends.

mod azure_devops;
mod client;
mod github;
mod sections;

use std::time::Duration;

use thiserror::Error;

pub(crate) use client::Client;
pub(crate) use sections::{Section, body};

/// A pull request, with the access to its comments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Host {
    /// GitHub, including Enterprise Server.
    GitHub(github::PullRequest),
    /// Azure DevOps Services or Server.
    AzureDevOps(azure_devops::PullRequest),
}

/// A request to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    /// `GET`, `POST` or `PATCH`.
    pub(crate) method: &'static str,
    /// The complete URL.
    pub(crate) url: String,
    /// The body, as JSON.
    pub(crate) body: Option<serde_json::Value>,
}

/// An existing comment that may be ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Standing {
    /// The URL for editing it.
    url: String,
    /// Its current text.
    body: String,
}

/// The outcome of posting a comment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Posted {
    /// There was no comment.
    Created,
    /// A comment with another text was replaced.
    Updated,
    /// A comment with the same text already existed.
    Unchanged,
}

/// Why a comment could not be posted.
#[derive(Debug, Error)]
pub(crate) enum CommentError {
    #[error("`{0}` is not set")]
    Missing(&'static str),
    #[error("this does not run in GitHub Actions or Azure Pipelines")]
    Nowhere,
    #[error("`{0}` is not a URL that may receive a token: use https, or this machine")]
    Unsafe(String),
    #[error("{host} rejected the token: status {status}: {message}")]
    Forbidden {
        host: &'static str,
        status: u16,
        message: String,
    },
    #[error("{host} has no such pull request, or the token may not see it: {message}")]
    NotFound { host: &'static str, message: String },
    #[error("{host} rejected the comment: status {status}: {message}")]
    Refused {
        host: &'static str,
        status: u16,
        message: String,
    },
    #[error("{host} asks for a longer wait than a build allows: {} seconds", .wait.as_secs())]
    RateLimited { host: &'static str, wait: Duration },
    #[error("{host} could not be reached")]
    Unreachable {
        host: &'static str,
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error("the token for {host} contains a line break or another character that no token has")]
    BrokenToken { host: &'static str },
    #[error("{host} did not answer with a list of comments")]
    Unreadable { host: &'static str },
}

impl CommentError {
    /// Whether the host does not permit the request, so that repeating it is of no use.
    fn is_refusal(&self) -> bool {
        match self {
            Self::Forbidden { .. } | Self::NotFound { .. } => true,
            Self::Refused { status, .. } => *status < 500,
            _ => false,
        }
    }

    /// Suggests the next step.
    pub(crate) fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Missing("GITHUB_TOKEN") => {
                "pass it to the step: `env: {GITHUB_TOKEN: ${{ github.token }}}`"
            }
            Self::Missing("SYSTEM_ACCESSTOKEN") => {
                "pass it to the step: `env: {SYSTEM_ACCESSTOKEN: $(System.AccessToken)}`"
            }
            Self::Missing("--pull-request") => {
                "the build is not about a pull request; `--pull-request NUMBER` names one"
            }
            Self::Nowhere => {
                "outside of both, set the variables of one of them: GITHUB_ACTIONS, GITHUB_REPOSITORY and GITHUB_TOKEN, with `--pull-request`"
            }
            Self::Forbidden { host: "GitHub", .. } => {
                "the job needs `permissions: pull-requests: write`; builds of forks do not get it"
            }
            Self::Forbidden { .. } => {
                "the build service needs the right to contribute to pull requests"
            }
            Self::BrokenToken { .. } => {
                "save the token again, without line breaks, in the secret that the build passes on"
            }
            Self::NotFound { .. } => "check the number of the pull request and the token's rights",
            Self::RateLimited { .. } | Self::Unreachable { .. } => "run the step again later",
            Self::Missing(_) | Self::Unsafe(_) | Self::Refused { .. } | Self::Unreadable { .. } => {
                return None;
            }
        };
        Some(hint.to_owned())
    }
}

impl Host {
    /// Determines the pull request of a build from the build's variables.
    pub(crate) fn of_environment(
        variable: &dyn Fn(&str) -> Option<String>,
        number: Option<u64>,
    ) -> Result<Self, CommentError> {
        let is_set =
            |name: &str| variable(name).is_some_and(|value| value.eq_ignore_ascii_case("true"));
        if is_set("GITHUB_ACTIONS") {
            github::PullRequest::of_environment(variable, number).map(Self::GitHub)
        } else if is_set("TF_BUILD") {
            azure_devops::PullRequest::of_environment(variable, number).map(Self::AzureDevOps)
        } else {
            Err(CommentError::Nowhere)
        }
    }

    /// The name of the host, for people.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::GitHub(_) => "GitHub",
            Self::AzureDevOps(_) => "Azure DevOps",
        }
    }

    /// The maximum length of a comment.
    pub(crate) fn limit(&self) -> usize {
        match self {
            Self::GitHub(_) => crate::output::markdown::GITHUB_LIMIT,
            Self::AzureDevOps(_) => crate::output::markdown::AZURE_DEVOPS_LIMIT,
        }
    }

    fn token(&self) -> &str {
        match self {
            Self::GitHub(request) => &request.token.0,
            Self::AzureDevOps(request) => &request.token.0,
        }
    }

    /// Requests a page of comments, counted from 1.
    fn list(&self, page: usize) -> Request {
        match self {
            Self::GitHub(request) => request.list(page),
            Self::AzureDevOps(request) => request.list(),
        }
    }

    /// Finds the comments in a page that may be ours, and whether there is a further page. Returns `None` if the reply is not a page.
    fn find(&self, page: &serde_json::Value, marker: &str) -> Option<(Vec<Standing>, bool)> {
        match self {
            Self::GitHub(request) => request.find(page, marker),
            Self::AzureDevOps(request) => request.find(page, marker),
        }
    }

    fn create(&self, body: &str) -> Request {
        match self {
            Self::GitHub(request) => request.create(body),
            Self::AzureDevOps(request) => request.create(body),
        }
    }

    fn update(&self, standing: &Standing, body: &str) -> Request {
        let field = match self {
            Self::GitHub(_) => "body",
            Self::AzureDevOps(_) => "content",
        };
        Request {
            method: "PATCH",
            url: standing.url.clone(),
            body: Some(serde_json::json!({ field: body })),
        }
    }
}

/// A token; never printed.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Token(String);

impl std::fmt::Debug for Token {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("[a token]")
    }
}

/// Maximum number of pages to search. Our comment is among the first ones, because it is written early.
const MOST_PAGES: usize = 30;

/// Posts a comment, or edits the existing one. The first line of the text is the marker.
pub(crate) async fn post(host: &Host, client: &Client, body: &str) -> Result<Posted, CommentError> {
    client
        .patiently(host, async || once(host, client, body).await)
        .await
}

/// Looks for our comment, the first one that may be edited, then writes. It can therefore be retried after a failure, and finds a comment that an earlier attempt wrote.
async fn once(host: &Host, client: &Client, body: &str) -> Result<Posted, CommentError> {
    let marker = body.lines().next().unwrap_or_default();
    let mut page = 1;
    loop {
        let comments = client.send(host, &host.list(page)).await?;
        let (standing, more) = host
            .find(&comments, marker)
            .ok_or(CommentError::Unreadable { host: host.name() })?;
        for standing in standing {
            if standing.body.replace("\r\n", "\n").trim_end() == body.trim_end() {
                return Ok(Posted::Unchanged);
            }
            match client.send(host, &host.update(&standing, body)).await {
                Ok(_) => return Ok(Posted::Updated),
                // Hosts let nobody edit what another person wrote, and a member of the project may have copied our comment.
                Err(error) if error.is_refusal() => {}
                Err(error) => return Err(error),
            }
        }
        page += 1;
        if !more || page > MOST_PAGES {
            client.send(host, &host.create(body)).await?;
            return Ok(Posted::Created);
        }
    }
}

fn required(
    variable: &dyn Fn(&str) -> Option<String>,
    name: &'static str,
) -> Result<String, CommentError> {
    variable(name)
        .filter(|value| !value.is_empty())
        .ok_or(CommentError::Missing(name))
}

/// Checks that a token may be sent to a base URL, and removes its trailing `/`.
fn safe_base(url: &str) -> Result<String, CommentError> {
    let url = url.trim_end_matches('/');
    let host = url
        .strip_prefix("http://")
        .map(|rest| rest.split(['/', ':']).next().unwrap_or_default());
    let is_https = |start: &str| start.eq_ignore_ascii_case("https://");
    let is_safe = url.get(..8).is_some_and(is_https)
        || host.is_some_and(|host| matches!(host, "127.0.0.1" | "localhost"));
    if is_safe && !url.contains(['@', '?', '#', ' ']) {
        Ok(url.to_owned())
    } else {
        Err(CommentError::Unsafe(crate::output::plain(url)))
    }
}

/// Escapes a path segment for a URL.
pub(crate) fn path_part(text: &str) -> String {
    let mut part = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            part.push(char::from(byte));
        } else {
            part.push_str(&format!("%{byte:02X}"));
        }
    }
    part
}

#[cfg(test)]
mod tests;
