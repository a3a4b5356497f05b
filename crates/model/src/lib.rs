//! Typed manifests for the Dynamics 365 agent desktop: load with positions, checks, contracts, JSON Schema.
