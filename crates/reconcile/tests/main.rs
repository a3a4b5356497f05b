//! Plans, exports and undos of rows that tests create in memory, without HTTP. They form one program, because linking one for each file
//! took longer than running them.

mod accepted;
mod adopt;
mod adopted_lists;
mod contract_checks;
mod coverage;
mod cutting;
mod export_law;
mod looks;
mod lookups;
mod part_order;
mod planned_rows;
mod planned_sets;
mod pruned;
mod reviewed_model;
mod roles;
mod solution;
mod support;
mod traps;
mod undone;
