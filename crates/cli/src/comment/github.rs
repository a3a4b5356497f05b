//! Comments of a pull request on GitHub (documented in REST API endpoints for issue comments: a pull request is an issue too).

use deskstate_files::Limit;
use serde_json::{Value, json};

use super::{CommentError, Request, Standing, Token, path_part, required, safe_base};

/// Number of comments per page, the maximum that GitHub allows.
const PAGE: usize = 100;

/// A pull request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PullRequest {
    api: String,
    repository: String,
    number: u64,
    pub(super) token: Token,
}

/// The pull request of the event that started the run. Events such as `pull_request_target` and `workflow_run` have the ref of a branch.
fn of_event(variable: &dyn Fn(&str) -> Option<String>) -> Option<u64> {
    let text = deskstate_files::read_text(variable("GITHUB_EVENT_PATH")?, Limit::MESSAGE).ok()?;
    let event: Value = serde_json::from_str(&text).ok()?;
    let issue = event["issue"]["pull_request"]
        .is_object()
        .then_some(&event["issue"]);
    let run = &event["workflow_run"]["pull_requests"][0];
    [Some(&event["pull_request"]), issue, Some(run)]
        .into_iter()
        .flatten()
        .find_map(|of| of["number"].as_u64())
}

impl PullRequest {
    pub(super) fn of_environment(
        variable: &dyn Fn(&str) -> Option<String>,
        number: Option<u64>,
    ) -> Result<Self, CommentError> {
        let api = variable("GITHUB_API_URL").unwrap_or_else(|| "https://api.github.com".to_owned());
        let repository = required(variable, "GITHUB_REPOSITORY")?;
        let number = match number {
            Some(number) => number,
            // In a pull-request build, the ref is `refs/pull/12/merge`.
            None => required(variable, "GITHUB_REF")?
                .strip_prefix("refs/pull/")
                .and_then(|rest| rest.split('/').next()?.parse().ok())
                .or_else(|| of_event(variable))
                .ok_or(CommentError::Missing("--pull-request"))?,
        };
        Ok(Self {
            api: safe_base(&api)?,
            repository: repository
                .split('/')
                .map(path_part)
                .collect::<Vec<_>>()
                .join("/"),
            number,
            token: Token(required(variable, "GITHUB_TOKEN")?),
        })
    }

    pub(super) fn list(&self, page: usize) -> Request {
        Request {
            method: "GET",
            url: format!("{}?per_page={PAGE}&page={page}", self.comments()),
            body: None,
        }
    }

    /// Finds the comments that begin with the marker and whose author is a bot or belongs to the repository. A stranger's comment is never
    /// taken over.
    pub(super) fn find(&self, page: &Value, marker: &str) -> Option<(Vec<Standing>, bool)> {
        let comments = page.as_array()?;
        let ours = comments.iter().filter(|comment| {
            let is_marked = comment["body"]
                .as_str()
                .is_some_and(|body| body.lines().next() == Some(marker));
            let belongs = matches!(
                comment["author_association"].as_str(),
                Some("OWNER" | "MEMBER" | "COLLABORATOR")
            );
            is_marked && (comment["user"]["type"] == "Bot" || belongs)
        });
        let standing = ours.filter_map(|comment| {
            Some(Standing {
                url: format!(
                    "{}/repos/{}/issues/comments/{}",
                    self.api,
                    self.repository,
                    comment["id"].as_u64()?
                ),
                body: comment["body"].as_str()?.to_owned(),
            })
        });
        Some((standing.collect(), comments.len() == PAGE))
    }

    pub(super) fn create(&self, body: &str) -> Request {
        Request {
            method: "POST",
            url: self.comments(),
            body: Some(json!({ "body": body })),
        }
    }

    fn comments(&self) -> String {
        format!(
            "{}/repos/{}/issues/{}/comments",
            self.api, self.repository, self.number
        )
    }
}
