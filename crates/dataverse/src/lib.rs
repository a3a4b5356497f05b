//! A Dataverse Web API client: typed queries, one-trip batch reads, atomic changesets, sign-in.
