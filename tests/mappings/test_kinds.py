"""Each kind's canonical form, equality and errors; and the laws that hold for all of them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mappings.kinds import Options, Unreadable, is_blank, kinds, options_for, text_of
from mappings.rules import PairRules, Side

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(codec=None))
    | st.sampled_from(["\ud800", "\0", "2026-05-01T07:25:37Z", "08/05/1982", "$12", "1,234", "Y", "http://[", "+1"])
    | st.from_regex(r"[0-9.,:/+-]{1,14}", fullmatch=True),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


def read(kind: str, raw: Any, **options: Any) -> Any:
    return kinds()[kind].read(raw, Options(**options))


def refuse(kind: str, raw: Any, **options: Any) -> str:
    with pytest.raises(Unreadable) as caught:
        read(kind, raw, **options)
    return str(caught.value)


def carry(kind: str, raw: Any, **options: Any) -> Any:
    """What is written on the right for a value of the left."""
    there = Options(**(options | {"side": Side.RIGHT}))
    return kinds()[kind].write(read(kind, raw, **options), raw, there)


def test_the_kinds_are_those_of_the_setup_file() -> None:
    assert set(kinds()) == {
        "text", "email", "phone", "country", "state", "date", "datetime", "number", "money",
        "yes_no", "choice", "url", "list", "consent", "deceased", "reference",
    }  # fmt: skip


def test_each_kind_knows_its_name() -> None:
    assert all(kind.name == name for name, kind in kinds().items())


# --- laws -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", sorted(kinds()))
@given(raw=JSON, region=st.sampled_from(["", "US", "DE"]), currency=st.sampled_from(["", "USD", "EUR"]))
@example(raw=10**6000, region="", currency="")
@example(raw=float("nan"), region="", currency="")
@example(raw=[[[["a"]]]], region="", currency="")
@example(raw="0001-01-01T00:00:00+14:00", region="", currency="")
def test_what_is_written_reads_back_equal(kind: str, raw: Any, region: str, currency: str) -> None:
    left = Options(region=region, currency=currency)
    right = Options(side=Side.RIGHT, region=region, currency=currency)
    try:
        value = kinds()[kind].read(raw, left)
        written = kinds()[kind].write(value, raw, right)
    except Unreadable:
        return
    hash(value)
    assert kinds()[kind].read(written, right) == value


@pytest.mark.parametrize("kind", sorted(kinds()))
@pytest.mark.parametrize("blank", [None, "", "  ", "\n\t", [], {}])
def test_blank_is_none_but_for_what_always_says_something(kind: str, blank: Any) -> None:
    assert read(kind, blank) == {"consent": "free", "deceased": False}.get(kind)


@pytest.mark.parametrize("value", [0, False, "0", "-", [None], {"a": None}, 0.0])
def test_zero_and_no_are_not_blank(value: Any) -> None:
    assert not is_blank(value)


@pytest.mark.parametrize("kind", sorted(set(kinds()) - {"list"}))
@pytest.mark.parametrize("raw", [["a"], {"a": "b"}, float("inf")])
def test_lists_and_objects_are_no_single_value(kind: str, raw: Any) -> None:
    assert refuse(kind, raw)


def test_blank_is_written_as_null() -> None:
    assert kinds()["text"].write(None, "", Options()) is None


# --- text and list --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        ("  12  Main\nStreet ", "12 Main Street"),
        ("Jose\u0301", "José"),
        ("a\u00a0b", "a b"),
        (1998, "1998"),
        (1998.0, "1998"),
        (0.1, "0.1"),
        (True, "true"),
    ],
)
def test_text_is_folded(raw: Any, value: str) -> None:
    assert read("text", raw) == value


def test_case_counts_in_text_unless_the_office_says_not() -> None:
    assert read("text", "MARY") != read("text", "Mary")
    assert read("text", "MARY", case_matters=False) == read("text", "Mary", case_matters=False)


def test_text_is_written_as_typed() -> None:
    assert carry("text", " Mary  Ann ") == " Mary  Ann "
    assert carry("text", 1998) == "1998"


@pytest.mark.parametrize("raw", [["chess", "Rowing"], "chess; Rowing", "Rowing,chess", ["Rowing", "", "chess ", None]])
def test_lists_are_sets(raw: Any) -> None:
    assert read("list", raw) == frozenset({"chess", "Rowing"})


def test_a_list_of_blanks_is_blank() -> None:
    assert read("list", [None, " "]) is None
    assert read("list", " ; ;") is None


@pytest.mark.parametrize(
    ("raw", "written"),
    [(["b", "a ", "b", ""], ["b", "a "]), ("b, a,b", "b;a"), ("a,b;", "a,b;"), ("chess", "chess"), ([2, 1], [2, 1])],
)
def test_lists_are_written_in_the_form_and_order_they_came(raw: Any, written: Any) -> None:
    assert carry("list", raw) == written


def test_a_list_of_objects_is_refused() -> None:
    assert "object" in refuse("list", [{"label": "x", "value": 1}])


# --- e-mail, phone, url ---------------------------------------------------------------------------


def test_email_folds_case_whole_and_is_written_as_typed() -> None:
    assert read("email", " A@X.Org ") == read("email", "a@x.org") == "a@x.org"
    assert carry("email", " A@X.Org ") == "A@X.Org"


def test_two_mailboxes_that_only_casefold_alike_stay_two() -> None:
    assert read("email", "straße@x.org") != read("email", "strasse@x.org")


@pytest.mark.parametrize("raw", ["(573) 555-0100", "573.555.0100", "+1 573 555 0100", "+15735550100", 5735550100])
def test_phones_are_e164(raw: Any) -> None:
    assert read("phone", raw, region="US") == "+15735550100"
    assert carry("phone", raw, region="US") == "+15735550100"


def test_an_extension_makes_another_number() -> None:
    value = read("phone", "(573) 555-0100 ext. 12", region="US")
    assert value == read("phone", "+1 573 555 0100 x12") == "+15735550100;ext=12"
    assert value != read("phone", "(573) 555-0100", region="US")


@pytest.mark.parametrize("raw", ["555-0100", "call me", "1", "+1 999 999 9999", "9" * 300])
def test_no_valid_phone(raw: str) -> None:
    said = refuse("phone", raw, region="US")
    assert "US" in said
    assert raw not in said


def test_a_phone_without_country_needs_a_region() -> None:
    assert "region" in refuse("phone", "(573) 555-0100")
    assert read("phone", "030 901820", region="DE") == "+4930901820"


@pytest.mark.parametrize("raw", ["https://Example.ORG/", "example.org", "https://example.org", " HTTPS://example.org "])
def test_urls_of_one_site(raw: str) -> None:
    assert read("url", raw) == "https://example.org"


def test_the_path_of_a_url_keeps_its_case_and_the_scheme_counts() -> None:
    assert read("url", "Example.org/In/Mary/") == "https://example.org/In/Mary/"
    assert read("url", "http://example.org") != read("url", "https://example.org")
    assert carry("url", " Example.org/In ") == "Example.org/In"


@pytest.mark.parametrize("raw", ["http://[", "see my page", "https://", 12])
def test_no_url(raw: Any) -> None:
    assert refuse("url", raw)


# --- country and state ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        ("US", "US"), ("usa", "US"), ("U.S.A.", "US"), ("United States", "US"), ("United States of America", "US"),
        ("UK", "GB"), ("England", "GB"), ("GBR", "GB"), ("The Netherlands", "NL"), ("Cote d'Ivoire", "CI"),
        ("South Korea", "KR"), ("Korea, Republic of", "KR"), ("Micronesia", "FM"), ("Russia", "RU"), ("Türkiye", "TR"),
        ("St. Lucia", "LC"), ("St Kitts & Nevis", "KN"), ("DR Congo", "CD"), ("Congo", "CG"), ("Korea, South", "KR"),
        ("Trinidad & Tobago", "TT"), ("Georgia", "GE"), ("deu", "DE"),
    ],
)  # fmt: skip
def test_countries(raw: str, code: str) -> None:
    assert read("country", raw) == carry("country", raw) == code


@pytest.mark.parametrize("raw", ["Korea", "Virgin Islands", "Atlantis", "X", 7, True])
def test_what_is_no_country_or_could_be_two(raw: Any) -> None:
    assert "country" in refuse("country", raw)


@pytest.mark.parametrize(
    ("raw", "code"),
    [("Missouri", "MO"), ("mo", "MO"), ("US-MO", "MO"), ("Québec", "QC"), ("D.C.", "DC"), ("Mass.", "MA")],
)
def test_states_of_the_us_and_canada(raw: str, code: str) -> None:
    assert read("state", raw) == carry("state", raw) == code


def test_regions_elsewhere_stay_as_they_are() -> None:
    assert read("state", " bayern") == read("state", "Bayern")
    assert carry("state", "Bayern") == "Bayern"


# --- date and datetime ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "raw",
    [
        "1982-08-05", "1982-8-5", "1982/08/05", "05.08.1982", "5. 8. 1982", "1982-08-05T00:00:00.000+0000",
        "1982-08-05 22:59:38", "5 August 1982", "05-Aug-1982", "Aug. 5, 1982", "August 5 1982",
    ],
)  # fmt: skip
def test_dates(raw: str) -> None:
    assert read("date", raw) == date(1982, 8, 5)
    assert carry("date", raw) == "1982-08-05"


def test_slashes_are_month_first_in_the_us_only() -> None:
    assert read("date", "08/05/1982", region="US") == date(1982, 8, 5)
    assert "day" in refuse("date", "08/05/1982")
    assert "day" in refuse("date", "08-05-1982", region="GB")


@pytest.mark.parametrize("region", ["", "US", "GB"])
def test_slashes_that_can_be_read_one_way_only(region: str) -> None:
    assert read("date", "25/12/1982", region=region) == read("date", "12/25/1982", region=region) == date(1982, 12, 25)
    assert read("date", "05/05/1982", region=region) == date(1982, 5, 5)


@pytest.mark.parametrize(
    "raw",
    [
        "1982",
        "1982-08",
        "82-08-05",
        "5.8.82",
        "0000-00-00",
        "1982-13-05",
        "1982-08-05 25:99 or so",
        "1982-08-05 about 10:30",
        "1982-02-30",
        "31/31/1982",
        "5 Foo 1982",
        "05/08-1982",
        1982,
    ],
)
def test_no_whole_date(raw: Any) -> None:
    assert refuse("date", raw)


def test_the_first_and_the_last_year() -> None:
    assert carry("date", "0001-01-01") == "0001-01-01"
    assert carry("date", "9999-12-31") == "9999-12-31"


@pytest.mark.parametrize(
    "raw",
    ["2026-05-01T07:25:37.000+0000", "2026-05-01T07:25:37Z", "2026-05-01 07:25:37", "2026-05-01t09:25:37.9+02:00"],
)
def test_moments(raw: str) -> None:
    assert read("datetime", raw) == datetime(2026, 5, 1, 7, 25, 37, tzinfo=UTC)
    assert carry("datetime", raw) == "2026-05-01T07:25:37Z"


def test_a_moment_without_zone_is_on_the_systems_own_clock() -> None:
    new_york = ZoneInfo("America/New_York")
    assert carry("datetime", "2013-12-12 22:59:38", zone=new_york) == "2013-12-13T03:59:38Z"
    assert carry("datetime", "2026-11-01 01:30:00", zone=new_york) == "2026-11-01T05:30:00Z"


@pytest.mark.parametrize(
    "raw", ["2026-05-01", "yesterday", 1777620337, "9999-12-31T23:59:59-10:00", "0001-01-01T00:00:00+01:00"]
)
def test_no_moment(raw: Any) -> None:
    assert "time" in refuse("datetime", raw)


# --- number and money -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (12, "12"), (12.50, "12.5"), (0.1, "0.1"), ("12.50", "12.5"), (" -3 ", "-3"), ("1,234.50", "1234.5"),
        ("1,234,567", "1234567"), ("1.234,50", "1234.5"), ("12,5", "12.5"), ("1e3", "1000"), (-0.0, "0"),
    ],
)  # fmt: skip
def test_numbers(raw: Any, value: str) -> None:
    assert read("number", raw) == Decimal(value)


def test_one_comma_can_be_read_two_ways() -> None:
    assert "comma" in refuse("number", "1,234")
    assert read("number", "1,234", region="US") == 1234


@pytest.mark.parametrize("raw", [True, "twelve", "1,23,4.5", "--1", "nan", "Infinity", 10**70, 1e300, "1e99", "9" * 61])
def test_no_number(raw: Any) -> None:
    assert "number" in refuse("number", raw)


def test_numbers_are_written_as_they_came() -> None:
    assert carry("number", 12.5) == 12.5
    assert carry("number", "1,234.50") == "1234.5"
    assert carry("number", "1e3") == "1000"


@pytest.mark.parametrize("raw", [12.5, "12.50", "$12.50", "USD 12.50", "12.50 usd", "US$12.5", "$12.50 USD"])
def test_money(raw: Any) -> None:
    assert read("money", raw, currency="USD") == (Decimal("12.5"), "USD")


def test_a_minus_before_the_sign_of_the_currency() -> None:
    assert read("money", "-$1,200.00", currency="USD") == (Decimal(-1200), "USD")


@pytest.mark.parametrize("raw", ["EUR 12.50", "€12", "$12 CAD", "12 CA$"])
def test_another_currency_is_refused(raw: str) -> None:
    assert "USD" in refuse("money", raw, currency="USD") or "two currencies" in refuse("money", raw, currency="USD")


def test_dollars_are_those_of_the_pair() -> None:
    assert read("money", "$12", currency="CAD") == (Decimal(12), "CAD")
    assert "dollars" in refuse("money", "$12", currency="EUR")
    assert "dollars" in refuse("money", "$12")


@pytest.mark.parametrize("raw", [True, "twelve", "XQZ 12", "$", "--5", "-$-5", "-+5"])
def test_no_money(raw: Any) -> None:
    assert refuse("money", raw, currency="USD")


def test_money_is_written_as_number_or_plain_text() -> None:
    assert carry("money", 12.5, currency="USD") == 12.5
    assert carry("money", "$12.50", currency="USD") == "12.50"
    assert carry("money", "12 USD") == "USD 12"


# --- settings -------------------------------------------------------------------------------------


def test_a_pairs_settings_reach_the_kind() -> None:
    pair = PairRules(
        "k",
        {Side.LEFT: "a", Side.RIGHT: "b"},
        region="us",
        currency="usd",
        restricted_when={Side.RIGHT: "Y"},
        case_matters=False,
    )
    options = options_for(pair, Side.RIGHT, "America/New_York")
    assert (options.region, options.currency, options.restricted_when) == ("US", "USD", "Y")
    assert options.zone == ZoneInfo("America/New_York")
    assert options_for(pair, Side.LEFT).restricted_when is True


def test_an_unmeaning_number_has_no_text() -> None:
    with pytest.raises(Unreadable, match="number without meaning"):
        text_of(float("nan"))
