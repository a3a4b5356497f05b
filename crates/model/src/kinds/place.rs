//! Where people create the rows of a kind in the admin center. Microsoft renamed most pages; earlier names are kept, because guides and
//! people still use them.
//!
//! Names of pages and labels of boxes come from Microsoft's pages: Manage session templates, Manage application tab templates, Manage
//! notification settings and templates, Create and use experience profiles, Add users to experience profiles, Guide representatives with
//! scripts, Manage custom productivity tools, Configure the inbox, and the pages on configuring channel providers in Channel Integration Framework 1.0 and 2.0.

/// A name shown on a page, with its earlier names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageName {
    /// The name.
    pub name: &'static str,
    /// Earlier names, and names in other apps.
    pub formerly: &'static [&'static str],
}

/// Where people create the rows of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Unknown, as for kinds that a project defines.
    Unsaid,
    /// On no documented page.
    Nowhere,
    /// On a page of their own.
    Page {
        /// The app.
        app: PageName,
        /// Path from the site map to the list: `Support experience`, `Workspaces`, `Session templates`.
        way: &'static [PageName],
        /// The security role that people need.
        role: &'static str,
    },
    /// In a section on the page of the resource that refers to them.
    Section(PageName),
}

/// The app in which administrators set up Customer Service.
pub const ADMIN_CENTER: PageName = PageName {
    name: "Copilot Service admin center",
    formerly: &["Customer Service admin center", "Omnichannel admin center"],
};
/// The app in which the first channel integration framework is set up.
pub(super) const CIF_APP: PageName = now("Channel Integration Framework");
/// A group of the site map.
pub(super) const SUPPORT_EXPERIENCE: PageName = PageName {
    name: "Support experience",
    formerly: &["Agent experience"],
};
/// The page of profiles and templates.
pub(super) const WORKSPACES: PageName = now("Workspaces");
/// The page of scripts and macros.
pub(super) const PRODUCTIVITY: PageName = now("Productivity");
/// The role for profiles, templates and channel providers.
const APP_PROFILE_MANAGER: &str = "App Profile Manager Administrator";
/// The role for scripts and pane tools.
pub(super) const PRODUCTIVITY_ADMINISTRATOR: &str = "Productivity tools administrator";

/// Creates a name that never changed.
pub(super) const fn now(name: &'static str) -> PageName {
    PageName {
        name,
        formerly: &[],
    }
}

impl Place {
    /// Creates the place of a list in the admin center.
    pub(super) const fn list(way: &'static [PageName]) -> Self {
        Place::Page {
            app: ADMIN_CENTER,
            way,
            role: APP_PROFILE_MANAGER,
        }
    }

    /// Returns its name: that of the list, the app or the section.
    #[must_use]
    pub fn named(&self) -> Option<PageName> {
        match self {
            Place::Unsaid | Place::Nowhere => None,
            Place::Page { app, way, .. } => Some(*way.last().unwrap_or(app)),
            Place::Section(section) => Some(*section),
        }
    }

    /// Describes the place as a sentence for the reference.
    pub(super) fn doc(&self) -> String {
        match self {
            Place::Unsaid => String::new(),
            Place::Nowhere => "Microsoft documents no page for it in the admin center. ".to_owned(),
            Place::Section(section) => format!(
                "In the admin center: the section {} of the resource that refers to it. ",
                section.name
            ),
            Place::Page { app, way, .. } => {
                let names: Vec<&str> = way.iter().map(|step| step.name).collect();
                let mut doc = if names.is_empty() {
                    format!("In the app {}", app.name)
                } else {
                    format!("In the admin center: {}", names.join(" > "))
                };
                let earlier: Vec<&str> = way
                    .iter()
                    .flat_map(|step| step.formerly.iter().copied())
                    .collect();
                if !earlier.is_empty() {
                    doc.push_str(&format!(" (earlier names: {})", earlier.join(", ")));
                }
                doc + ". "
            }
        }
    }
}

impl PageName {
    /// Whether a text is one of the names, ignoring case.
    #[must_use]
    pub fn is_called(&self, name: &str) -> bool {
        let mut names = std::iter::once(self.name).chain(self.formerly.iter().copied());
        names.any(|known| known.eq_ignore_ascii_case(name))
    }
}
