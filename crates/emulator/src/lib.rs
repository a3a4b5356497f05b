//! A Dataverse Web API on loopback, for tests and demonstrations.
