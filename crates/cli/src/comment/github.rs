//! Comments of a pull request on GitHub (documented in REST API endpoints for issue comments: a pull request is an issue too).

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
