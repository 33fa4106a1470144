// Only listed splats are sorted; the list ascends, so that equal depths stay in splat order.
fn splatOf(place: u32) -> u32 { return activeIds[place]; }
