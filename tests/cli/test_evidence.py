def test_sentences_hold_numbers_chain_and_papers(stromal):
    code, out, _ = stromal("evidence", "--ref", "44", "PD-L1", "division")
    assert code == 0
    line = next(row for row in out.splitlines() if "(msc-pdl1-slows-t-division)" in row)
    assert line.startswith("PD-L1 on touching MSC slows division of effector T cells (to 0.5 of its rate")
    assert "via MSC:CD274 > T:PDCD1" in line and "45 Gao 2023" in line and "numbers assumed" in line
    assert "\x1b" not in out


def test_an_unknown_reference_stays_a_number(as_json):
    found = as_json("evidence", "--ref", "44")["statements"]
    assert any("[44" in s["citation"] for s in found)


def test_query_by_synonym_and_filters(as_json):
    def ids(*words):
        return {s["id"] for s in as_json("evidence", *words)["statements"]}

    assert ids("prostaglandin E2 macrophage") == ids("PGE2", "macrophages")
    assert ids("B7-H1") & ids("--mediator", "CD274")
    assert ids("--cell", "M1") > ids("--cell", "M1", "--strength", "assumed", "--status", "review")
    assert all(
        "division" in s["behaviour"]
        for s in as_json("evidence", "--behaviour", "proliferation")["statements"]
    )


def test_nothing_found_is_no_error(as_json):
    data = as_json("evidence", "PGE22")
    assert data["statements"] == [] and "did you mean" in data["warnings"][0]


def test_conflicts_say_what_separates_them(as_json, stromal):
    data = as_json("evidence", "M2", "--conflicts")
    pair = next(c for c in data["conflicts"] if c["lowers"] == "lps-holds-m1")
    assert pair["behaviour"] == "becomes M2" and "signal" in pair["separated_by"]
    assert as_json("evidence", "--conflicts")["known_conflicts"]
    assert "separated by" in stromal("evidence", "--conflicts")[1]


def test_overlay_is_found(stromal):
    stromal("new", "rule", "my-rule")
    assert "(my-rule)" in stromal("evidence", "--ref", "Author2025", "--evidence", "my-rule")[1]
