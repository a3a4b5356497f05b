//! Comments of a pull request on Azure DevOps (documented in Pull Request Threads, and Pull Request Thread Comments, version 7.1).

use serde_json::{Value, json};

use super::{CommentError, Request, Standing, Token, path_part, required, safe_base};

const VERSION: &str = "api-version=7.1";

/// A pull request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PullRequest {
    threads: String,
    pub(super) token: Token,
}

impl PullRequest {
    pub(super) fn of_environment(
        variable: &dyn Fn(&str) -> Option<String>,
        number: Option<u64>,
    ) -> Result<Self, CommentError> {
        let collection = safe_base(&required(variable, "SYSTEM_COLLECTIONURI")?)?;
        let project = path_part(&required(variable, "SYSTEM_TEAMPROJECT")?);
        let repository = path_part(&required(variable, "BUILD_REPOSITORY_ID")?);
        let number = match number {
            Some(number) => number,
            None => required(variable, "SYSTEM_PULLREQUEST_PULLREQUESTID")?
                .parse()
                .map_err(|_| CommentError::Missing("--pull-request"))?,
        };
        Ok(Self {
            threads: format!(
                "{collection}/{project}/_apis/git/repositories/{repository}/pullRequests/{number}/threads"
            ),
            token: Token(required(variable, "SYSTEM_ACCESSTOKEN")?),
        })
    }

    /// Requests all threads: this list is not paged.
    pub(super) fn list(&self) -> Request {
        Request {
            method: "GET",
            url: format!("{}?{VERSION}", self.threads),
            body: None,
        }
    }

    /// Finds the threads whose first comment begins with the marker. Only members of the project can write there.
    pub(super) fn find(&self, page: &Value, marker: &str) -> Option<(Vec<Standing>, bool)> {
        let threads = page["value"].as_array()?;
        let standing = threads
            .iter()
            .filter(|thread| thread["isDeleted"] != true)
            .filter_map(|thread| {
                let comment = thread["comments"].as_array()?.first()?;
                let body = comment["content"].as_str()?;
                if comment["isDeleted"] == true || body.lines().next() != Some(marker) {
                    return None;
                }
                let url = format!(
                    "{}/{}/comments/{}?{VERSION}",
                    self.threads,
                    thread["id"].as_u64()?,
                    comment["id"].as_u64()?
                );
                Some(Standing {
                    url,
                    body: body.to_owned(),
                })
            })
            .collect();
        Some((standing, false))
    }

    /// Creates the thread as closed: it needs no answer, so it does not block any policy.
    pub(super) fn create(&self, body: &str) -> Request {
        let thread = json!({
            "comments": [{"parentCommentId": 0, "content": body, "commentType": "text"}],
            "status": "closed",
        });
        Request {
            method: "POST",
            url: format!("{}?{VERSION}", self.threads),
            body: Some(thread),
        }
    }
}
