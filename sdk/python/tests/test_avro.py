"""The codec run-time: canonical when written, strict when read, and quick classes that stay dataclasses."""

import dataclasses
import math
import pickle
import struct

import pytest

from evento import FrozenDict, Malformed, Unwritable, avro, codec_of, logical, replace
from evento.avro import INT, LONG
from evento.codec import Codec, quick
from golden_bank import Account, DepositCash


@pytest.mark.parametrize(
    ("number", "hexed"),
    [(0, "00"), (-1, "01"), (1, "02"), (63, "7e"), (64, "8001"), (-65, "8101"), (8192, "808001"), (-1025, "8110")],
)
def test_numbers_are_zigzag_and_shortest(number, hexed):
    assert LONG[number] == INT[number] == bytes.fromhex(hexed)
    assert avro.read_long(LONG[number], 0) == (number, len(LONG[number]))


def test_numbers_stop_at_their_bits():
    for table, bits in ((INT, 31), (LONG, 63)):
        for number in (2**bits - 1, -(2**bits)):
            assert avro.read_long(table[number], 0)[0] == number
        for number in (2**bits, -(2**bits) - 1):
            with pytest.raises(Unwritable, match="bits"):
                table[number]
    with pytest.raises(Malformed, match="32 bits"):
        avro.read_int(LONG[2**31], 0)
    for data in (b"\xff" * 10, b"\xff" * 9 + b"\x02", b"\x80" * 11):
        with pytest.raises(Malformed):
            avro.read_long(data, 0)


def test_a_long_number_may_be_written_long():
    assert avro.read_long(b"\x82\x80\x00", 0) == (1, 3)


def test_one_nan_and_minus_zero():
    odd = struct.unpack("<d", bytes.fromhex("010000000000f8ff"))[0]
    assert math.isnan(odd) and avro.write_double(odd).hex() == "000000000000f87f"
    assert avro.write_float(math.nan).hex() == "0000c07f"
    assert math.copysign(1, avro.read_float(avro.write_float(-0.0), 0)[0]) == -1
    assert avro.read_double(avro.write_double(math.inf), 0)[0] == math.inf


def test_maps_are_sorted_by_their_utf8_and_are_never_changed():
    written = avro.write_map({"\U0001f600": 1, "\uffff": 2, "a": 3}, avro.write_long)
    keys = list(avro.read_map(written, 0, avro.read_long, 1)[0])
    assert keys == ["a", "\uffff", "\U0001f600"]
    read, _ = avro.read_map(written, 0, avro.read_long, 1)
    for change in (lambda: read.update(a=1), lambda: read.pop("a"), lambda: read.__setitem__("a", 1)):
        with pytest.raises(TypeError, match="make a copy"):
            change()
    assert {**read, "a": 4}["a"] == 4 and (read | {"b": 1})["b"] == 1
    assert pickle.loads(pickle.dumps(read)) == read == FrozenDict(read)


def test_blocks_may_come_in_several_and_with_sizes():
    blocks = bytes.fromhex("01 02 02 02 04 00".replace(" ", ""))
    assert avro.read_array(blocks, 0, avro.read_long, 1) == ((1, 2), 6)
    for broken, why in (
        ("0104020200", "ends at"),
        ("80808080400200", "items"),
        ("01ffffff0f0200", "a block of"),
        ("04026102026104 00".replace(" ", ""), "twice"),
    ):
        read = avro.read_map if why == "twice" else avro.read_array
        with pytest.raises(Malformed, match=why):
            read(bytes.fromhex(broken), 0, avro.read_long, 1)


def test_items_without_bytes_are_bounded():
    ok = LONG[avro.ZERO_SIZE_ITEMS_MAX] + b"\x00"
    assert len(avro.read_array(ok, 0, avro.read_null, 0)[0]) == avro.ZERO_SIZE_ITEMS_MAX
    with pytest.raises(Malformed, match="without any byte"):
        avro.read_array(LONG[1 << 40] + b"\x00", 0, avro.read_null, 0)


def test_a_datum_cut_or_lengthened_anywhere_is_refused():
    account = Account("Zoë", "EUR", 2**40, -7)
    codec = codec_of(Account)
    data = codec.encode(account)
    assert codec.decode(data) == account
    for end in range(len(data)):
        with pytest.raises(Malformed):
            codec.decode(data[:end])
    with pytest.raises(Malformed, match="left over"):
        codec.decode(data + b"\x00")
    with pytest.raises(Malformed, match="UTF-8"):
        codec.decode(b"\x02\xff" + data)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (Account("A", "EUR", "10"), "bank.Account.balance: an int of 64 bits is expected, not '10' (str)"),
        (Account("A", "EUR", 1, 2**31), "bank.Account.deposits: an int of 32 bits is expected"),
        (Account(None, "EUR", 1), "bank.Account.owner: a str is expected, not None"),
        (Account("\ud800", "EUR", 1), "bank.Account.owner: a str is expected"),
        (DepositCash(1), "Account is expected, not DepositCash(amount=1, reference='')"),
    ],
)
def test_what_cannot_be_written_is_named_with_its_field(value, message):
    with pytest.raises(Unwritable) as raised:
        codec_of(Account).encode(value)
    assert message in str(raised.value)


def test_quick_classes_are_dataclasses_all_the_same():
    account = Account("Ada", "EUR", 1000)
    assert account == Account(owner="Ada", currency="EUR", balance=1000, deposits=0)
    assert repr(account) == "Account(owner='Ada', currency='EUR', balance=1000, deposits=0)"
    assert hash(account) == hash(Account("Ada", "EUR", 1000))
    assert replace(account, balance=1).balance == 1
    assert [field.name for field in dataclasses.fields(account)] == ["owner", "currency", "balance", "deposits"]
    assert pickle.loads(pickle.dumps(account)) == account
    with pytest.raises(dataclasses.FrozenInstanceError):
        account.balance = 2
    with pytest.raises(TypeError):
        Account("Ada")
    match account:
        case Account(owner, balance=balance):
            assert (owner, balance) == ("Ada", 1000)


def test_defaults_that_are_made_anew_and_classes_without_fields():
    @dataclasses.dataclass(frozen=True, slots=True)
    class Tags:
        self: str
        tags: dict[str, int] = dataclasses.field(default_factory=lambda: FrozenDict({"a": 1}))

    @dataclasses.dataclass(frozen=True, slots=True)
    class Nothing:
        pass

    make = quick(Tags)
    assert Tags("x") == make("x", {"a": 1}) and Tags("x").tags is not Tags("x").tags
    assert quick(Nothing)() == Nothing()


def test_logical_types_hold_what_they_hold_exactly():
    from datetime import date, datetime, timedelta, timezone
    from decimal import Decimal, localcontext
    from uuid import UUID

    wide = Decimal("-12345678901234567890123456789012345678.9012345678")
    with localcontext() as context:
        context.prec = 3
        written = logical.write_decimal(wide, 48, 10)
        assert logical.read_decimal(written, 0, 48, 10) == (wide, len(written))
    for text, hexed in (("0", "0200"), ("1.27", "027f"), ("1.28", "040080"), ("-1.28", "0280"), ("-1.29", "04ff7f")):
        assert logical.write_decimal(Decimal(text), 4, 2).hex() == hexed
    assert logical.write_decimal(Decimal("1E+1"), 4, 2) == logical.write_decimal(Decimal("10.00"), 4, 2)
    assert logical.write_decimal_fixed(Decimal("-0.01"), 4, 4, 2).hex() == "ffffffff"
    for odd, why in (("1.001", "round it"), ("100", "digits"), ("NaN", "no number"), ("1E+999999", "digits")):
        with pytest.raises(Unwritable, match=why):
            logical.write_decimal(Decimal(odd), 4, 2)
    with pytest.raises(Malformed, match="digits"):
        logical.read_decimal(b"\x04\x7f\xff", 0, 4, 2)
    assert logical.read_decimal(b"\x00", 0, 4, 2)[0] == 0
    noon = datetime(2026, 11, 23, 6, 0, 0, 1000, timezone.utc)
    assert logical.read_timestamp_millis(logical.write_timestamp_millis(noon), 0)[0] == noon
    early = datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=-2)))
    assert logical.read_timestamp_micros(logical.write_timestamp_micros(early), 0)[0] == early
    with pytest.raises(Unwritable, match="finer"):
        logical.write_timestamp_millis(noon + timedelta(microseconds=1))
    with pytest.raises(Unwritable, match="time zone"):
        logical.write_timestamp_millis(datetime(2026, 1, 1))
    with pytest.raises(Malformed, match="1 to 9999"):
        logical.read_timestamp_millis(LONG[2**60], 0)
    for day in (date(1, 1, 1), date(1970, 1, 1), date(9999, 12, 31)):
        assert logical.read_date(logical.write_date(day), 0)[0] == day
    with pytest.raises(Unwritable):
        logical.write_date(noon)
    id_ = UUID("f81d4fae-7dec-11d0-a765-00a0c91e6bf6")
    assert logical.read_uuid(logical.write_uuid(id_), 0)[0] == logical.read_uuid_fixed(id_.bytes, 0)[0] == id_
    for odd_uuid in ("f81d4fae7dec11d0a76500a0c91e6bf6", "{81d4fae-7dec-11d0-a765-00a0c91e6bf6"):
        with pytest.raises(Malformed):
            logical.read_uuid(avro.write_string(odd_uuid), 0)


def test_a_codec_tells_its_name():
    codec: Codec[Account] = codec_of(Account)
    assert codec.name == "bank.Account"
    with pytest.raises(TypeError, match="evento gen python"):
        codec_of(int)
