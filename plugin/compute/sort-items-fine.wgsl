// Items of the fine precision: a key and an id beside it. Moves item i to the other place; see keyAt of sort-rank.wgsl.
fn moveItem(isBack: bool, i: u32, key: u32, destination: u32) {
    if (isBack) {
        keys[destination] = key;
        ids[destination] = otherIds[i];
    } else {
        otherKeys[destination] = key;
        otherIds[destination] = ids[i];
    }
}
