"""The first tables."""

import sqlalchemy as sa
from alembic import op

from unqueue.kernel.schema import append_only_sql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

APPEND_ONLY = (
    "age_checks",
    "audit_results",
    "call_alarms",
    "exit_releases",
    "exit_weighings",
    "journal",
    "ledger",
    "receipts",
    "stored_moves",
    "till_reports",
)


def upgrade() -> None:
    op.create_table(
        "audit_days",
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("commitment", sa.String(length=64), nullable=False),
        sa.Column("seed", sa.String(length=64), nullable=False),
        sa.Column("committed_us", sa.BigInteger(), nullable=False),
        sa.Column("revealed_us", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("day", name=op.f("audit_days_pkey")),
    )
    with op.batch_alter_table("audit_days", schema=None) as batch_op:
        batch_op.create_index(
            "audit_days_secret",
            ["day"],
            unique=False,
            sqlite_where=sa.text("revealed_us IS NULL"),
            postgresql_where=sa.text("revealed_us IS NULL"),
        )

    op.create_table(
        "bill_rows",
        sa.Column("method", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("row_id", sa.String(length=128), nullable=False),
        sa.Column("attempt_id", sa.String(length=128), nullable=False),
        sa.Column("reference", sa.String(length=128), nullable=False),
        sa.Column("status", sa.String(length=128), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("fee_minor", sa.BigInteger(), nullable=False),
        sa.Column("fee_currency", sa.String(length=3), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("imported_us", sa.BigInteger(), nullable=False),
        sa.Column("settled_us", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("kind IN ('charge', 'refund')", name=op.f("bill_rows_kind_check")),
        sa.CheckConstraint("amount_minor >= 0", name=op.f("bill_rows_amount_check")),
        sa.CheckConstraint("times >= 1", name=op.f("bill_rows_times_check")),
        sa.PrimaryKeyConstraint("method", "kind", "row_id", name=op.f("bill_rows_pkey")),
    )
    with op.batch_alter_table("bill_rows", schema=None) as batch_op:
        batch_op.create_index("bill_rows_at", ["method", "at_us"], unique=False)
        batch_op.create_index(
            "bill_rows_open",
            ["method"],
            unique=False,
            sqlite_where=sa.text("settled_us IS NULL"),
            postgresql_where=sa.text("settled_us IS NULL"),
        )

    op.create_table(
        "bill_spans",
        sa.Column("method", sa.String(length=64), nullable=False),
        sa.Column("from_us", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("until_us", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("imported_us", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("from_us < until_us", name=op.f("bill_spans_span_check")),
        sa.PrimaryKeyConstraint("method", "from_us", "until_us", name=op.f("bill_spans_pkey")),
    )
    op.create_table(
        "catalogue_version",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("changed_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("catalogue_version_pkey")),
    )
    op.create_table(
        "coupons",
        sa.Column("coupon_id", sa.String(length=64), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("uses_max", sa.BigInteger(), nullable=True),
        sa.Column("reserved", sa.BigInteger(), nullable=False),
        sa.Column("used", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("reserved >= 0 AND used >= 0", name=op.f("coupons_uses_check")),
        sa.CheckConstraint("uses_max IS NULL OR reserved + used <= uses_max", name=op.f("coupons_uses_max_check")),
        sa.PrimaryKeyConstraint("coupon_id", name=op.f("coupons_pkey")),
    )
    op.create_table(
        "declared_bags",
        sa.Column("order_id", sa.String(length=32), nullable=False),
        sa.Column("bags", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("order_id", name=op.f("declared_bags_pkey")),
    )
    op.create_table(
        "declared_containers",
        sa.Column("order_id", sa.String(length=32), nullable=False),
        sa.Column("product_id", sa.String(length=64), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("order_id", "product_id", name=op.f("declared_containers_pkey")),
    )
    op.create_table(
        "devices",
        sa.Column("device_id", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("parts", sa.Text(), nullable=False),
        sa.Column("seen_us", sa.BigInteger(), nullable=True),
        sa.Column("closed_us", sa.BigInteger(), nullable=True),
        sa.Column("closed_by", sa.String(length=80), nullable=True),
        sa.PrimaryKeyConstraint("device_id", name=op.f("devices_pkey")),
        sa.UniqueConstraint("token_hash", name=op.f("devices_token_hash_key")),
    )
    op.create_table(
        "exits",
        sa.Column("exit_id", sa.String(length=32), nullable=False),
        sa.Column("lane", sa.String(length=40), nullable=False),
        sa.Column("order_id", sa.String(length=32), nullable=False),
        sa.Column("trip_id", sa.String(length=32), nullable=False),
        sa.Column("basket_hash", sa.String(length=64), nullable=False),
        sa.Column("request_hash", sa.String(length=64), nullable=False),
        sa.Column("pass_id", sa.String(length=32), nullable=True),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("checks", sa.Text(), nullable=False),
        sa.Column("weighing", sa.Text(), nullable=True),
        sa.Column("override_call_id", sa.String(length=32), nullable=True),
        sa.Column("passages", sa.BigInteger(), nullable=True),
        sa.Column("claimed_us", sa.BigInteger(), nullable=False),
        sa.Column("touched_us", sa.BigInteger(), nullable=False),
        sa.Column("bay", sa.String(length=40), nullable=True),
        sa.CheckConstraint(
            "status IN ('claimed', 'accepted', 'released', 'left', 'abandoned')", name=op.f("exits_status_check")
        ),
        sa.PrimaryKeyConstraint("exit_id", name=op.f("exits_pkey")),
    )
    with op.batch_alter_table("exits", schema=None) as batch_op:
        batch_op.create_index("exits_claimed", ["claimed_us"], unique=False)
        batch_op.create_index(
            "exits_live_lane",
            ["lane"],
            unique=True,
            sqlite_where=sa.text("status IN ('claimed', 'accepted', 'released') AND bay IS NULL"),
            postgresql_where=sa.text("status IN ('claimed', 'accepted', 'released') AND bay IS NULL"),
        )
        batch_op.create_index(
            "exits_live_order",
            ["order_id"],
            unique=True,
            sqlite_where=sa.text("status IN ('claimed', 'accepted', 'released')"),
            postgresql_where=sa.text("status IN ('claimed', 'accepted', 'released')"),
        )

    op.create_table(
        "gate_openings",
        sa.Column("opening_id", sa.String(length=32), nullable=False),
        sa.Column("lane", sa.String(length=40), nullable=False),
        sa.Column("by", sa.String(length=80), nullable=False),
        sa.Column("asked_us", sa.BigInteger(), nullable=False),
        sa.Column("taken_us", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("opening_id", name=op.f("gate_openings_pkey")),
    )
    with op.batch_alter_table("gate_openings", schema=None) as batch_op:
        batch_op.create_index("gate_openings_lane", ["lane", "taken_us"], unique=False)

    op.create_table(
        "journal",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("stream", sa.String(length=64), nullable=False),
        sa.Column("actor", sa.String(length=80), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("journal_pkey")),
        info={"append_only": True},
    )
    with op.batch_alter_table("journal", schema=None) as batch_op:
        batch_op.create_index(
            "journal_stream",
            ["stream", "seq"],
            unique=False,
            sqlite_where=sa.text("stream NOT LIKE 'trip:%'"),
            postgresql_where=sa.text("stream NOT LIKE 'trip:%'"),
        )

    op.create_table(
        "journal_followers",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("journal_followers_pkey")),
    )
    op.create_table(
        "ledger",
        sa.Column("entry_id", sa.String(length=80), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("account", sa.String(length=80), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("order_id", sa.String(length=32), nullable=False),
        sa.Column("payment_id", sa.String(length=32), nullable=True),
        sa.CheckConstraint("amount_minor <> 0", name=op.f("ledger_amount_check")),
        sa.PrimaryKeyConstraint("entry_id", "position", name=op.f("ledger_pkey")),
        info={"append_only": True},
    )
    with op.batch_alter_table("ledger", schema=None) as batch_op:
        batch_op.create_index("ledger_account", ["account", "currency"], unique=False)
        batch_op.create_index("ledger_order", ["order_id"], unique=False)

    op.create_table(
        "pass_bindings",
        sa.Column("order_id", sa.String(length=32), nullable=False),
        sa.Column("lane", sa.String(length=40), nullable=False),
        sa.Column("until_us", sa.BigInteger(), nullable=False),
        sa.Column("taken_us", sa.BigInteger(), nullable=True),
        sa.Column("is_heard", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("order_id", name=op.f("pass_bindings_pkey")),
    )
    with op.batch_alter_table("pass_bindings", schema=None) as batch_op:
        batch_op.create_index("pass_bindings_lane", ["lane", "until_us"], unique=False)

    op.create_table(
        "products",
        sa.Column("product_id", sa.String(length=64), nullable=False),
        sa.Column("gtin", sa.String(length=14), nullable=False),
        sa.Column("name_zh", sa.Text(), nullable=False),
        sa.Column("name_en", sa.Text(), nullable=False),
        sa.Column("brand", sa.Text(), nullable=False),
        sa.Column("category", sa.String(length=64), nullable=False),
        sa.Column("unit_price_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("sold_by", sa.String(length=8), nullable=False),
        sa.Column("quantity_text", sa.Text(), nullable=False),
        sa.Column("net_weight_g", sa.Integer(), nullable=True),
        sa.Column("packaging", sa.String(length=8), nullable=False),
        sa.Column("weight_g_expected", sa.Integer(), nullable=False),
        sa.Column("weight_g_sd", sa.Float(), nullable=False),
        sa.Column("weight_source", sa.String(length=8), nullable=False),
        sa.Column("tare_g", sa.Integer(), nullable=False),
        sa.Column("age_limit", sa.Integer(), nullable=True),
        sa.Column("tax_rate_bp", sa.Integer(), nullable=False),
        sa.Column("deposit_minor", sa.BigInteger(), nullable=False),
        sa.Column("tag", sa.String(length=8), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("recalled_lots", sa.Text(), nullable=False),
        sa.Column("source", sa.String(length=16), nullable=False),
        sa.Column("search_text", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "packaging IN ('flexible', 'rigid', 'glass', 'none')", name=op.f("products_packaging_check")
        ),
        sa.CheckConstraint("sold_by IN ('piece', 'weight')", name=op.f("products_sold_by_check")),
        sa.CheckConstraint(
            "status IN ('active', 'unpriced', 'withdrawn', 'recalled')", name=op.f("products_status_check")
        ),
        sa.CheckConstraint("tag IN ('none', 'EAS')", name=op.f("products_tag_check")),
        sa.CheckConstraint("length(gtin) = 14", name=op.f("products_gtin_check")),
        sa.CheckConstraint("tax_rate_bp BETWEEN 0 AND 10000", name=op.f("products_tax_rate_bp_check")),
        sa.CheckConstraint("unit_price_minor >= 0 AND deposit_minor >= 0", name=op.f("products_amounts_check")),
        sa.CheckConstraint(
            "weight_g_expected >= 0 AND weight_g_sd >= 0 AND tare_g >= 0", name=op.f("products_weights_check")
        ),
        sa.PrimaryKeyConstraint("product_id", name=op.f("products_pkey")),
        sa.UniqueConstraint("gtin", name=op.f("products_gtin_key")),
    )
    with op.batch_alter_table("products", schema=None) as batch_op:
        batch_op.create_index("products_by_category", ["category", "gtin"], unique=False)

    op.create_table(
        "promotions",
        sa.Column("promotion_id", sa.String(length=64), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("promotion_id", name=op.f("promotions_pkey")),
    )
    op.create_table(
        "staff_members",
        sa.Column("staff_id", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("pin_salt", sa.LargeBinary(length=16), nullable=False),
        sa.Column("pin_hash", sa.LargeBinary(length=64), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("locked_until_us", sa.BigInteger(), nullable=False),
        sa.Column("is_removed", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("staff_id", name=op.f("staff_members_pkey")),
        sa.UniqueConstraint("name", name=op.f("staff_members_name_key")),
    )
    op.create_table(
        "stored_cards",
        sa.Column("card_id", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("balance_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("tail", sa.String(length=4), nullable=False),
        sa.Column("member", sa.String(length=64), nullable=True),
        sa.Column("issued_us", sa.BigInteger(), nullable=False),
        sa.Column("expires_us", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("kind IN ('gift', 'member', 'voucher')", name=op.f("stored_cards_kind_check")),
        sa.CheckConstraint("status IN ('active', 'blocked')", name=op.f("stored_cards_status_check")),
        sa.CheckConstraint("balance_minor >= 0", name=op.f("stored_cards_balance_check")),
        sa.PrimaryKeyConstraint("card_id", name=op.f("stored_cards_pkey")),
    )
    op.create_table(
        "till_booked",
        sa.Column("about", sa.String(length=64), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("postings", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("about", name=op.f("till_booked_pkey")),
    )
    op.create_table(
        "till_reports",
        sa.Column("report_id", sa.String(length=80), nullable=False),
        sa.Column("kiosk", sa.String(length=40), nullable=False),
        sa.Column("journal", sa.String(length=64), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("about", sa.String(length=64), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("heard_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("report_id", name=op.f("till_reports_pkey")),
        sa.UniqueConstraint("journal", "seq", name="till_reports_journal_seq"),
        info={"append_only": True},
    )
    with op.batch_alter_table("till_reports", schema=None) as batch_op:
        batch_op.create_index("till_reports_about", ["about"], unique=False)
        batch_op.create_index("till_reports_kiosk", ["kiosk", "kind", "heard_us"], unique=False)

    op.create_table(
        "trips",
        sa.Column("trip_id", sa.String(length=32), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("language", sa.String(length=8), nullable=False),
        sa.Column("is_member", sa.Boolean(), nullable=False),
        sa.Column("opened_us", sa.BigInteger(), nullable=False),
        sa.Column("order_id", sa.String(length=32), nullable=True),
        sa.Column("member", sa.String(length=64), nullable=True),
        sa.CheckConstraint("status IN ('shopping', 'submitted', 'paid', 'left')", name=op.f("trips_status_check")),
        sa.PrimaryKeyConstraint("trip_id", name=op.f("trips_pkey")),
        sa.UniqueConstraint("token_hash", name=op.f("trips_token_hash_key")),
    )
    op.create_table(
        "trolleys",
        sa.Column("code", sa.String(length=60), nullable=False),
        sa.Column("tare_g", sa.Float(), nullable=False),
        sa.Column("tare_g_sd", sa.Float(), nullable=False),
        sa.Column("orders", sa.Integer(), nullable=False),
        sa.Column("changed_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("code", name=op.f("trolleys_pkey")),
    )
    op.create_table(
        "calls",
        sa.Column("call_id", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("lane", sa.String(length=40), nullable=False),
        sa.Column("exit_id", sa.String(length=32), nullable=True),
        sa.Column("order_id", sa.String(length=32), nullable=True),
        sa.Column("opened_us", sa.BigInteger(), nullable=False),
        sa.Column("answered_us", sa.BigInteger(), nullable=True),
        sa.Column("answered_by", sa.String(length=80), nullable=True),
        sa.Column("action", sa.String(length=16), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("answer_id", sa.String(length=32), nullable=True),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("looked_us", sa.BigInteger(), nullable=True),
        sa.Column("looked_by", sa.String(length=80), nullable=True),
        sa.Column("security_us", sa.BigInteger(), nullable=True),
        sa.Column("security_by", sa.String(length=80), nullable=True),
        sa.Column("security_reason", sa.Text(), nullable=True),
        sa.Column("finding", sa.String(length=16), nullable=True),
        sa.Column("worth_minor", sa.BigInteger(), nullable=True),
        sa.Column("found_by", sa.String(length=32), nullable=True),
        sa.CheckConstraint("finding IN ('nothing', 'unpaid')", name=op.f("calls_finding_check")),
        sa.CheckConstraint("status IN ('open', 'answered')", name=op.f("calls_status_check")),
        sa.ForeignKeyConstraint(["exit_id"], ["exits.exit_id"], name=op.f("calls_exit_id_fkey")),
        sa.PrimaryKeyConstraint("call_id", name=op.f("calls_pkey")),
        sa.UniqueConstraint("answer_id", name=op.f("calls_answer_id_key")),
    )
    with op.batch_alter_table("calls", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("calls_exit_id"), ["exit_id"], unique=False)
        batch_op.create_index(
            "calls_open",
            ["lane", "kind"],
            unique=False,
            sqlite_where=sa.text("status = 'open'"),
            postgresql_where=sa.text("status = 'open'"),
        )
        batch_op.create_index("calls_opened", ["opened_us"], unique=False)

    op.create_table(
        "coupon_codes",
        sa.Column("code", sa.String(length=128), nullable=False),
        sa.Column("coupon_id", sa.String(length=64), nullable=False),
        sa.Column("uses_max", sa.BigInteger(), nullable=True),
        sa.Column("reserved", sa.BigInteger(), nullable=False),
        sa.Column("used", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("reserved >= 0 AND used >= 0", name=op.f("coupon_codes_uses_check")),
        sa.CheckConstraint("uses_max IS NULL OR reserved + used <= uses_max", name=op.f("coupon_codes_uses_max_check")),
        sa.ForeignKeyConstraint(["coupon_id"], ["coupons.coupon_id"], name=op.f("coupon_codes_coupon_id_fkey")),
        sa.PrimaryKeyConstraint("code", name=op.f("coupon_codes_pkey")),
    )
    with op.batch_alter_table("coupon_codes", schema=None) as batch_op:
        batch_op.create_index("coupon_codes_coupon", ["coupon_id"], unique=False)

    op.create_table(
        "coupon_members",
        sa.Column("coupon_id", sa.String(length=64), nullable=False),
        sa.Column("member", sa.String(length=64), nullable=False),
        sa.Column("uses_max", sa.BigInteger(), nullable=True),
        sa.Column("reserved", sa.BigInteger(), nullable=False),
        sa.Column("used", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("reserved >= 0 AND used >= 0", name=op.f("coupon_members_uses_check")),
        sa.CheckConstraint(
            "uses_max IS NULL OR reserved + used <= uses_max", name=op.f("coupon_members_uses_max_check")
        ),
        sa.ForeignKeyConstraint(["coupon_id"], ["coupons.coupon_id"], name=op.f("coupon_members_coupon_id_fkey")),
        sa.PrimaryKeyConstraint("coupon_id", "member", name=op.f("coupon_members_pkey")),
    )
    op.create_table(
        "exit_releases",
        sa.Column("order_id", sa.String(length=32), nullable=False),
        sa.Column("exit_id", sa.String(length=32), nullable=False),
        sa.Column("lane", sa.String(length=40), nullable=False),
        sa.Column("passages", sa.BigInteger(), nullable=True),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("is_offline", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["exit_id"], ["exits.exit_id"], name=op.f("exit_releases_exit_id_fkey")),
        sa.PrimaryKeyConstraint("order_id", name=op.f("exit_releases_pkey")),
        sa.UniqueConstraint("exit_id", name=op.f("exit_releases_exit_id_key")),
        info={"append_only": True},
    )
    with op.batch_alter_table("exit_releases", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("exit_releases_at_us"), ["at_us"], unique=False)

    op.create_table(
        "exit_weighings",
        sa.Column("weighing_id", sa.String(length=32), nullable=False),
        sa.Column("exit_id", sa.String(length=32), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["exit_id"], ["exits.exit_id"], name=op.f("exit_weighings_exit_id_fkey")),
        sa.PrimaryKeyConstraint("weighing_id", name=op.f("exit_weighings_pkey")),
        info={"append_only": True},
    )
    with op.batch_alter_table("exit_weighings", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("exit_weighings_exit_id"), ["exit_id"], unique=False)

    op.create_table(
        "orders",
        sa.Column("order_id", sa.String(length=32), nullable=False),
        sa.Column("trip_id", sa.String(length=32), nullable=False),
        sa.Column("number", sa.String(length=9), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("total_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("basket_hash", sa.String(length=64), nullable=False),
        sa.Column("item_count", sa.Integer(), nullable=False),
        sa.Column("basket", sa.Text(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("paid_us", sa.BigInteger(), nullable=True),
        sa.Column("left_us", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("status IN ('open', 'paid', 'left', 'closed')", name=op.f("orders_status_check")),
        sa.CheckConstraint("total_minor >= 0", name=op.f("orders_total_check")),
        sa.ForeignKeyConstraint(["trip_id"], ["trips.trip_id"], name=op.f("orders_trip_id_fkey")),
        sa.PrimaryKeyConstraint("order_id", name=op.f("orders_pkey")),
        sa.UniqueConstraint("number", name=op.f("orders_number_key")),
        sa.UniqueConstraint("token_hash", name=op.f("orders_token_hash_key")),
    )
    with op.batch_alter_table("orders", schema=None) as batch_op:
        batch_op.create_index(
            "orders_live_trip",
            ["trip_id"],
            unique=True,
            sqlite_where=sa.text("status <> 'closed'"),
            postgresql_where=sa.text("status <> 'closed'"),
        )
        batch_op.create_index(
            "orders_open",
            ["created_us"],
            unique=False,
            sqlite_where=sa.text("status = 'open'"),
            postgresql_where=sa.text("status = 'open'"),
        )

    op.create_table(
        "product_codes",
        sa.Column("gtin", sa.String(length=14), nullable=False),
        sa.Column("product_id", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["product_id"], ["products.product_id"], name=op.f("product_codes_product_id_fkey")),
        sa.PrimaryKeyConstraint("gtin", name=op.f("product_codes_pkey")),
    )
    with op.batch_alter_table("product_codes", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("product_codes_product_id"), ["product_id"], unique=False)

    op.create_table(
        "product_details",
        sa.Column("product_id", sa.String(length=64), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["product_id"], ["products.product_id"], name=op.f("product_details_product_id_fkey")),
        sa.PrimaryKeyConstraint("product_id", name=op.f("product_details_pkey")),
    )
    op.create_table(
        "staff_identities",
        sa.Column("issuer", sa.String(length=255), nullable=False),
        sa.Column("subject", sa.String(length=255), nullable=False),
        sa.Column("staff_id", sa.String(length=32), nullable=False),
        sa.Column("linked_us", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["staff_id"], ["staff_members.staff_id"], name=op.f("staff_identities_staff_id_fkey")),
        sa.PrimaryKeyConstraint("issuer", "subject", name=op.f("staff_identities_pkey")),
    )
    op.create_table(
        "staff_passkeys",
        sa.Column("passkey_id", sa.String(length=32), nullable=False),
        sa.Column("staff_id", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("credential_hash", sa.String(length=64), nullable=False),
        sa.Column("credential", sa.LargeBinary(length=4096), nullable=False),
        sa.Column("sign_count", sa.BigInteger(), nullable=False),
        sa.Column("added_us", sa.BigInteger(), nullable=False),
        sa.Column("used_us", sa.BigInteger(), nullable=True),
        sa.Column("is_off", sa.Boolean(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("locked_until_us", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["staff_id"], ["staff_members.staff_id"], name=op.f("staff_passkeys_staff_id_fkey")),
        sa.PrimaryKeyConstraint("passkey_id", name=op.f("staff_passkeys_pkey")),
        sa.UniqueConstraint("credential_hash", name=op.f("staff_passkeys_credential_hash_key")),
    )
    with op.batch_alter_table("staff_passkeys", schema=None) as batch_op:
        batch_op.create_index("staff_passkeys_member", ["staff_id"], unique=False)

    op.create_table(
        "staff_sessions",
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("staff_id", sa.String(length=32), nullable=False),
        sa.Column("way", sa.String(length=16), nullable=False),
        sa.Column("began_us", sa.BigInteger(), nullable=False),
        sa.Column("ends_us", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["staff_id"], ["staff_members.staff_id"], name=op.f("staff_sessions_staff_id_fkey")),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("staff_sessions_pkey")),
    )
    op.create_table(
        "stored_card_codes",
        sa.Column("code_hash", sa.String(length=64), nullable=False),
        sa.Column("card_id", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(["card_id"], ["stored_cards.card_id"], name=op.f("stored_card_codes_card_id_fkey")),
        sa.PrimaryKeyConstraint("code_hash", name=op.f("stored_card_codes_pkey")),
    )
    with op.batch_alter_table("stored_card_codes", schema=None) as batch_op:
        batch_op.create_index("stored_card_codes_card", ["card_id"], unique=False)

    op.create_table(
        "stored_moves",
        sa.Column("move_id", sa.String(length=32), nullable=False),
        sa.Column("card_id", sa.String(length=32), nullable=True),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("payment_id", sa.String(length=32), nullable=True),
        sa.Column("actor", sa.String(length=80), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("second", sa.String(length=80), nullable=True),
        sa.CheckConstraint("(kind = 'spend') = (amount_minor < 0)", name=op.f("stored_moves_sign_check")),
        sa.CheckConstraint("(kind = 'void') = (amount_minor = 0)", name=op.f("stored_moves_amount_check")),
        sa.CheckConstraint(
            "kind IN ('issue', 'top_up', 'spend', 'refund', 'void')", name=op.f("stored_moves_kind_check")
        ),
        sa.CheckConstraint("second <> actor", name=op.f("stored_moves_second_check")),
        sa.ForeignKeyConstraint(["card_id"], ["stored_cards.card_id"], name=op.f("stored_moves_card_id_fkey")),
        sa.PrimaryKeyConstraint("move_id", name=op.f("stored_moves_pkey")),
        info={"append_only": True},
    )
    with op.batch_alter_table("stored_moves", schema=None) as batch_op:
        batch_op.create_index("stored_moves_actor", ["actor", "at_us"], unique=False)
        batch_op.create_index("stored_moves_card", ["card_id"], unique=False)
        batch_op.create_index("stored_moves_payment", ["payment_id"], unique=False)

    op.create_table(
        "trip_actions",
        sa.Column("trip_id", sa.String(length=32), nullable=False),
        sa.Column("action_id", sa.String(length=32), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("body_hash", sa.LargeBinary(length=16), nullable=False),
        sa.ForeignKeyConstraint(["trip_id"], ["trips.trip_id"], name=op.f("trip_actions_trip_id_fkey")),
        sa.PrimaryKeyConstraint("trip_id", "action_id", name=op.f("trip_actions_pkey")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "trip_coupons",
        sa.Column("trip_id", sa.String(length=32), nullable=False),
        sa.Column("coupon", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("code", sa.String(length=500), nullable=False),
        sa.ForeignKeyConstraint(["trip_id"], ["trips.trip_id"], name=op.f("trip_coupons_trip_id_fkey")),
        sa.PrimaryKeyConstraint("trip_id", "coupon", name=op.f("trip_coupons_pkey")),
    )
    op.create_table(
        "age_checks",
        sa.Column("order_id", sa.String(length=32), nullable=False),
        sa.Column("call_id", sa.String(length=32), nullable=False),
        sa.Column("by_name", sa.String(length=80), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["call_id"], ["calls.call_id"], name=op.f("age_checks_call_id_fkey")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.order_id"], name=op.f("age_checks_order_id_fkey")),
        sa.PrimaryKeyConstraint("order_id", name=op.f("age_checks_pkey")),
        info={"append_only": True},
    )
    op.create_table(
        "audit_draws",
        sa.Column("order_id", sa.String(length=32), nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("member", sa.String(length=64), nullable=True),
        sa.Column("rules", sa.Text(), nullable=False),
        sa.Column("visit", sa.Text(), nullable=False),
        sa.Column("probability", sa.Float(), nullable=False),
        sa.Column("value", sa.Float(), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=True),
        sa.Column("articles", sa.Text(), nullable=False),
        sa.Column("chosen", sa.Text(), nullable=False),
        sa.Column("status", sa.String(length=12), nullable=False),
        sa.Column("result_id", sa.String(length=32), nullable=True),
        sa.Column("cleared_us", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("(kind IS NULL) = (status = 'none')", name=op.f("audit_draws_kind_check")),
        sa.CheckConstraint(
            "status IN ('none', 'due', 'clean', 'differences', 'waived')", name=op.f("audit_draws_status_check")
        ),
        sa.CheckConstraint("probability >= 0 AND probability <= 1", name=op.f("audit_draws_probability_check")),
        sa.ForeignKeyConstraint(["day"], ["audit_days.day"], name=op.f("audit_draws_day_fkey")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.order_id"], name=op.f("audit_draws_order_id_fkey")),
        sa.PrimaryKeyConstraint("order_id", name=op.f("audit_draws_pkey")),
    )
    with op.batch_alter_table("audit_draws", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("audit_draws_day"), ["day"], unique=False)
        batch_op.create_index(
            "audit_draws_member",
            ["member", "at_us"],
            unique=False,
            sqlite_where=sa.text("member IS NOT NULL"),
            postgresql_where=sa.text("member IS NOT NULL"),
        )

    op.create_table(
        "call_alarms",
        sa.Column("alarm_id", sa.String(length=32), nullable=False),
        sa.Column("call_id", sa.String(length=32), nullable=False),
        sa.Column("lane", sa.String(length=40), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["call_id"], ["calls.call_id"], name=op.f("call_alarms_call_id_fkey")),
        sa.PrimaryKeyConstraint("alarm_id", name=op.f("call_alarms_pkey")),
        info={"append_only": True},
    )
    op.create_table(
        "call_payments",
        sa.Column("order_id", sa.String(length=32), nullable=False),
        sa.Column("call_id", sa.String(length=32), nullable=False),
        sa.Column("by_name", sa.String(length=80), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["call_id"], ["calls.call_id"], name=op.f("call_payments_call_id_fkey")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.order_id"], name=op.f("call_payments_order_id_fkey")),
        sa.PrimaryKeyConstraint("order_id", name=op.f("call_payments_pkey")),
    )
    with op.batch_alter_table("call_payments", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("call_payments_call_id"), ["call_id"], unique=False)

    op.create_table(
        "coupon_redemptions",
        sa.Column("redemption_id", sa.String(length=32), nullable=False),
        sa.Column("order_id", sa.String(length=32), nullable=False),
        sa.Column("trip_id", sa.String(length=32), nullable=False),
        sa.Column("coupon_id", sa.String(length=64), nullable=False),
        sa.Column("code", sa.String(length=128), nullable=False),
        sa.Column("ticket", sa.Text(), nullable=False),
        sa.Column("member", sa.String(length=64), nullable=True),
        sa.Column("data", sa.Text(), nullable=False),
        sa.Column("zh", sa.Text(), nullable=False),
        sa.Column("en", sa.Text(), nullable=False),
        sa.Column("funded_by", sa.String(length=8), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("ended_us", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "amount_minor > 0 OR status IN ('withdrawn', 'released')", name=op.f("coupon_redemptions_amount_check")
        ),
        sa.CheckConstraint("funded_by IN ('store', 'issuer')", name=op.f("coupon_redemptions_funded_by_check")),
        sa.CheckConstraint(
            "status IN ('reserved', 'used', 'withdrawn', 'released')", name=op.f("coupon_redemptions_status_check")
        ),
        sa.ForeignKeyConstraint(["code"], ["coupon_codes.code"], name=op.f("coupon_redemptions_code_fkey")),
        sa.ForeignKeyConstraint(["coupon_id"], ["coupons.coupon_id"], name=op.f("coupon_redemptions_coupon_id_fkey")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.order_id"], name=op.f("coupon_redemptions_order_id_fkey")),
        sa.PrimaryKeyConstraint("redemption_id", name=op.f("coupon_redemptions_pkey")),
    )
    with op.batch_alter_table("coupon_redemptions", schema=None) as batch_op:
        batch_op.create_index(
            "coupon_redemptions_live",
            ["order_id", "code"],
            unique=True,
            sqlite_where=sa.text("status IN ('reserved', 'used')"),
            postgresql_where=sa.text("status IN ('reserved', 'used')"),
        )

    op.create_table(
        "order_lines",
        sa.Column("order_id", sa.String(length=32), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("product_id", sa.String(length=64), nullable=False),
        sa.Column("gtin", sa.String(length=14), nullable=False),
        sa.Column("name_zh", sa.Text(), nullable=False),
        sa.Column("name_en", sa.Text(), nullable=False),
        sa.Column("category", sa.String(length=64), nullable=False),
        sa.Column("sold_by", sa.String(length=8), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("weight_g", sa.Integer(), nullable=True),
        sa.Column("unit_price_minor", sa.BigInteger(), nullable=False),
        sa.Column("subtotal_minor", sa.BigInteger(), nullable=False),
        sa.Column("discount_minor", sa.BigInteger(), nullable=False),
        sa.Column("deposit_minor", sa.BigInteger(), nullable=False),
        sa.Column("total_minor", sa.BigInteger(), nullable=False),
        sa.Column("tax_rate_bp", sa.Integer(), nullable=False),
        sa.Column("weight_g_expected", sa.Integer(), nullable=False),
        sa.Column("weight_g_sd", sa.Float(), nullable=False),
        sa.Column("tag", sa.String(length=8), nullable=False),
        sa.Column("age_limit", sa.Integer(), nullable=True),
        sa.CheckConstraint(
            "discount_minor >= 0 AND discount_minor <= subtotal_minor", name=op.f("order_lines_discount_check")
        ),
        sa.CheckConstraint("quantity > 0", name=op.f("order_lines_quantity_check")),
        sa.CheckConstraint(
            "total_minor = subtotal_minor - discount_minor + deposit_minor", name=op.f("order_lines_total_check")
        ),
        sa.ForeignKeyConstraint(["order_id"], ["orders.order_id"], name=op.f("order_lines_order_id_fkey")),
        sa.PrimaryKeyConstraint("order_id", "line", name=op.f("order_lines_pkey")),
    )
    op.create_table(
        "payments",
        sa.Column("payment_id", sa.String(length=32), nullable=False),
        sa.Column("order_id", sa.String(length=32), nullable=False),
        sa.Column("trip_id", sa.String(length=32), nullable=False),
        sa.Column("method", sa.String(length=64), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("return_to", sa.String(length=16), nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("place", sa.String(length=40), nullable=False),
        sa.Column("asked", sa.Text(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("expires_us", sa.BigInteger(), nullable=False),
        sa.Column("action_kind", sa.String(length=16), nullable=True),
        sa.Column("action_url", sa.Text(), nullable=False),
        sa.Column("action_fields", sa.Text(), nullable=False),
        sa.Column("slip", sa.Text(), nullable=False),
        sa.Column("reference", sa.String(length=128), nullable=False),
        sa.Column("problem", sa.String(length=64), nullable=True),
        sa.Column("query_due_us", sa.BigInteger(), nullable=True),
        sa.Column("pauses", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "status IN ('pending', 'succeeded', 'failed', 'closed', 'surplus', 'refunded')",
            name=op.f("payments_status_check"),
        ),
        sa.CheckConstraint("amount_minor >= 0", name=op.f("payments_amount_check")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.order_id"], name=op.f("payments_order_id_fkey")),
        sa.PrimaryKeyConstraint("payment_id", name=op.f("payments_pkey")),
    )
    with op.batch_alter_table("payments", schema=None) as batch_op:
        batch_op.create_index(
            "payments_due",
            ["query_due_us"],
            unique=False,
            sqlite_where=sa.text("query_due_us IS NOT NULL"),
            postgresql_where=sa.text("query_due_us IS NOT NULL"),
        )
        batch_op.create_index(
            "payments_open",
            ["order_id"],
            unique=True,
            sqlite_where=sa.text("status = 'pending'"),
            postgresql_where=sa.text("status = 'pending'"),
        )
        batch_op.create_index("payments_order", ["order_id"], unique=False)

    op.create_table(
        "receipt_contacts",
        sa.Column("order_id", sa.String(length=32), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("shown", sa.String(length=16), nullable=False),
        sa.Column("keep", sa.Boolean(), nullable=False),
        sa.Column("consent_version", sa.String(length=32), nullable=False),
        sa.Column("consent_us", sa.BigInteger(), nullable=False),
        sa.Column("language", sa.String(length=2), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["orders.order_id"], name=op.f("receipt_contacts_order_id_fkey")),
        sa.PrimaryKeyConstraint("order_id", name=op.f("receipt_contacts_pkey")),
    )
    op.create_table(
        "receipt_drafts",
        sa.Column("number", sa.String(length=32), nullable=False),
        sa.Column("order_id", sa.String(length=32), nullable=False),
        sa.Column("day", sa.String(length=8), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("issued_us", sa.BigInteger(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["orders.order_id"], name=op.f("receipt_drafts_order_id_fkey")),
        sa.PrimaryKeyConstraint("number", name=op.f("receipt_drafts_pkey")),
        sa.UniqueConstraint("day", "sequence", name="receipt_drafts_day_sequence"),
        sa.UniqueConstraint("order_id", name=op.f("receipt_drafts_order_id_key")),
    )
    op.create_table(
        "receipt_messages",
        sa.Column("message_id", sa.String(length=32), nullable=False),
        sa.Column("order_id", sa.String(length=32), nullable=False),
        sa.Column("purpose", sa.String(length=16), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("reference", sa.String(length=128), nullable=False),
        sa.Column("problem", sa.String(length=128), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("numbers", sa.Integer(), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("first_us", sa.BigInteger(), nullable=True),
        sa.Column("due_us", sa.BigInteger(), nullable=True),
        sa.Column("changed_us", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "status IN ('waiting', 'due', 'sending', 'uncertain', 'sent', 'delivered', 'failed', 'perhaps', 'withdrawn')",
            name=op.f("receipt_messages_status_check"),
        ),
        sa.ForeignKeyConstraint(["order_id"], ["orders.order_id"], name=op.f("receipt_messages_order_id_fkey")),
        sa.PrimaryKeyConstraint("message_id", name=op.f("receipt_messages_pkey")),
        sa.UniqueConstraint("order_id", "purpose", name="receipt_messages_once"),
    )
    with op.batch_alter_table("receipt_messages", schema=None) as batch_op:
        batch_op.create_index(
            "receipt_messages_due",
            ["due_us"],
            unique=False,
            sqlite_where=sa.text("due_us IS NOT NULL"),
            postgresql_where=sa.text("due_us IS NOT NULL"),
        )

    op.create_table(
        "receipts",
        sa.Column("number", sa.String(length=32), nullable=False),
        sa.Column("order_id", sa.String(length=32), nullable=False),
        sa.Column("day", sa.String(length=8), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("issued_us", sa.BigInteger(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["orders.order_id"], name=op.f("receipts_order_id_fkey")),
        sa.PrimaryKeyConstraint("number", name=op.f("receipts_pkey")),
        sa.UniqueConstraint("day", "sequence", name="receipts_day_sequence"),
        sa.UniqueConstraint("order_id", name=op.f("receipts_order_id_key")),
        info={"append_only": True},
    )
    op.create_table(
        "returns",
        sa.Column("return_id", sa.String(length=32), nullable=False),
        sa.Column("order_id", sa.String(length=32), nullable=False),
        sa.Column("trip_id", sa.String(length=32), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("lines", sa.Text(), nullable=False),
        sa.Column("shares", sa.Text(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("by_id", sa.String(length=32), nullable=False),
        sa.Column("by", sa.String(length=80), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("decided_by", sa.String(length=80), nullable=True),
        sa.Column("decided_us", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("status IN ('proposed', 'accepted', 'rejected')", name=op.f("returns_status_check")),
        sa.CheckConstraint("amount_minor >= 0", name=op.f("returns_amount_check")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.order_id"], name=op.f("returns_order_id_fkey")),
        sa.PrimaryKeyConstraint("return_id", name=op.f("returns_pkey")),
    )
    with op.batch_alter_table("returns", schema=None) as batch_op:
        batch_op.create_index("returns_order", ["order_id"], unique=False)
        batch_op.create_index("returns_status", ["status", "created_us"], unique=False)

    op.create_table(
        "audit_results",
        sa.Column("result_id", sa.String(length=32), nullable=False),
        sa.Column("order_id", sa.String(length=32), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("by_name", sa.String(length=80), nullable=False),
        sa.Column("request_hash", sa.String(length=64), nullable=False),
        sa.Column("listed_unpaid_minor", sa.BigInteger(), nullable=False),
        sa.Column("unlisted_unpaid_minor", sa.BigInteger(), nullable=False),
        sa.Column("overpaid_minor", sa.BigInteger(), nullable=False),
        sa.Column("is_wrong", sa.Boolean(), nullable=False),
        sa.Column("unpaid_minor", sa.BigInteger(), nullable=False),
        sa.Column("differences", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["audit_draws.order_id"], name=op.f("audit_results_order_id_fkey")),
        sa.PrimaryKeyConstraint("result_id", name=op.f("audit_results_pkey")),
        info={"append_only": True},
    )
    with op.batch_alter_table("audit_results", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("audit_results_at_us"), ["at_us"], unique=False)
        batch_op.create_index(batch_op.f("audit_results_order_id"), ["order_id"], unique=False)

    op.create_table(
        "coupon_shares",
        sa.Column("redemption_id", sa.String(length=32), nullable=False),
        sa.Column("order_id", sa.String(length=32), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("amount_minor > 0", name=op.f("coupon_shares_amount_check")),
        sa.ForeignKeyConstraint(
            ["order_id", "line"],
            ["order_lines.order_id", "order_lines.line"],
            name=op.f("coupon_shares_order_id_line_fkey"),
        ),
        sa.ForeignKeyConstraint(
            ["redemption_id"], ["coupon_redemptions.redemption_id"], name=op.f("coupon_shares_redemption_id_fkey")
        ),
        sa.PrimaryKeyConstraint("redemption_id", "line", name=op.f("coupon_shares_pkey")),
    )
    op.create_table(
        "refunds",
        sa.Column("refund_id", sa.String(length=32), nullable=False),
        sa.Column("payment_id", sa.String(length=32), nullable=False),
        sa.Column("order_id", sa.String(length=32), nullable=False),
        sa.Column("method", sa.String(length=64), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("cause", sa.String(length=16), nullable=False),
        sa.Column("return_id", sa.String(length=32), nullable=True),
        sa.Column("place", sa.String(length=40), nullable=False),
        sa.Column("due_us", sa.BigInteger(), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("reference", sa.String(length=128), nullable=False),
        sa.Column("problem", sa.String(length=64), nullable=True),
        sa.CheckConstraint("(cause = 'return') = (return_id IS NOT NULL)", name=op.f("refunds_cause_check")),
        sa.CheckConstraint("status IN ('pending', 'succeeded')", name=op.f("refunds_status_check")),
        sa.CheckConstraint("amount_minor > 0", name=op.f("refunds_amount_check")),
        sa.ForeignKeyConstraint(["payment_id"], ["payments.payment_id"], name=op.f("refunds_payment_id_fkey")),
        sa.PrimaryKeyConstraint("refund_id", name=op.f("refunds_pkey")),
    )
    with op.batch_alter_table("refunds", schema=None) as batch_op:
        batch_op.create_index(
            "refunds_due",
            ["due_us"],
            unique=False,
            sqlite_where=sa.text("due_us IS NOT NULL"),
            postgresql_where=sa.text("due_us IS NOT NULL"),
        )
        batch_op.create_index("refunds_order", ["order_id"], unique=False)
        batch_op.create_index("refunds_payment", ["payment_id"], unique=False)
        batch_op.create_index(
            "refunds_whole",
            ["payment_id"],
            unique=True,
            sqlite_where=sa.text("cause <> 'return'"),
            postgresql_where=sa.text("cause <> 'return'"),
        )
    for table in APPEND_ONLY:
        for statement in append_only_sql(table)[op.get_bind().dialect.name]:
            op.execute(statement)


def downgrade() -> None:
    with op.batch_alter_table("refunds", schema=None) as batch_op:
        batch_op.drop_index(
            "refunds_whole", sqlite_where=sa.text("cause <> 'return'"), postgresql_where=sa.text("cause <> 'return'")
        )
        batch_op.drop_index("refunds_payment")
        batch_op.drop_index("refunds_order")
        batch_op.drop_index(
            "refunds_due", sqlite_where=sa.text("due_us IS NOT NULL"), postgresql_where=sa.text("due_us IS NOT NULL")
        )

    op.drop_table("refunds")
    op.drop_table("coupon_shares")
    with op.batch_alter_table("audit_results", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("audit_results_order_id"))
        batch_op.drop_index(batch_op.f("audit_results_at_us"))

    op.drop_table("audit_results")
    with op.batch_alter_table("returns", schema=None) as batch_op:
        batch_op.drop_index("returns_status")
        batch_op.drop_index("returns_order")

    op.drop_table("returns")
    op.drop_table("receipts")
    with op.batch_alter_table("receipt_messages", schema=None) as batch_op:
        batch_op.drop_index(
            "receipt_messages_due",
            sqlite_where=sa.text("due_us IS NOT NULL"),
            postgresql_where=sa.text("due_us IS NOT NULL"),
        )

    op.drop_table("receipt_messages")
    op.drop_table("receipt_drafts")
    op.drop_table("receipt_contacts")
    with op.batch_alter_table("payments", schema=None) as batch_op:
        batch_op.drop_index("payments_order")
        batch_op.drop_index(
            "payments_open", sqlite_where=sa.text("status = 'pending'"), postgresql_where=sa.text("status = 'pending'")
        )
        batch_op.drop_index(
            "payments_due",
            sqlite_where=sa.text("query_due_us IS NOT NULL"),
            postgresql_where=sa.text("query_due_us IS NOT NULL"),
        )

    op.drop_table("payments")
    op.drop_table("order_lines")
    with op.batch_alter_table("coupon_redemptions", schema=None) as batch_op:
        batch_op.drop_index(
            "coupon_redemptions_live",
            sqlite_where=sa.text("status IN ('reserved', 'used')"),
            postgresql_where=sa.text("status IN ('reserved', 'used')"),
        )

    op.drop_table("coupon_redemptions")
    with op.batch_alter_table("call_payments", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("call_payments_call_id"))

    op.drop_table("call_payments")
    op.drop_table("call_alarms")
    with op.batch_alter_table("audit_draws", schema=None) as batch_op:
        batch_op.drop_index(
            "audit_draws_member",
            sqlite_where=sa.text("member IS NOT NULL"),
            postgresql_where=sa.text("member IS NOT NULL"),
        )
        batch_op.drop_index(batch_op.f("audit_draws_day"))

    op.drop_table("audit_draws")
    op.drop_table("age_checks")
    op.drop_table("trip_coupons")
    op.drop_table("trip_actions")
    with op.batch_alter_table("stored_moves", schema=None) as batch_op:
        batch_op.drop_index("stored_moves_payment")
        batch_op.drop_index("stored_moves_card")
        batch_op.drop_index("stored_moves_actor")

    op.drop_table("stored_moves")
    with op.batch_alter_table("stored_card_codes", schema=None) as batch_op:
        batch_op.drop_index("stored_card_codes_card")

    op.drop_table("stored_card_codes")
    op.drop_table("staff_sessions")
    with op.batch_alter_table("staff_passkeys", schema=None) as batch_op:
        batch_op.drop_index("staff_passkeys_member")

    op.drop_table("staff_passkeys")
    op.drop_table("staff_identities")
    op.drop_table("product_details")
    with op.batch_alter_table("product_codes", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("product_codes_product_id"))

    op.drop_table("product_codes")
    with op.batch_alter_table("orders", schema=None) as batch_op:
        batch_op.drop_index(
            "orders_open", sqlite_where=sa.text("status = 'open'"), postgresql_where=sa.text("status = 'open'")
        )
        batch_op.drop_index(
            "orders_live_trip",
            sqlite_where=sa.text("status <> 'closed'"),
            postgresql_where=sa.text("status <> 'closed'"),
        )

    op.drop_table("orders")
    with op.batch_alter_table("exit_weighings", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("exit_weighings_exit_id"))

    op.drop_table("exit_weighings")
    with op.batch_alter_table("exit_releases", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("exit_releases_at_us"))

    op.drop_table("exit_releases")
    op.drop_table("coupon_members")
    with op.batch_alter_table("coupon_codes", schema=None) as batch_op:
        batch_op.drop_index("coupon_codes_coupon")

    op.drop_table("coupon_codes")
    with op.batch_alter_table("calls", schema=None) as batch_op:
        batch_op.drop_index("calls_opened")
        batch_op.drop_index(
            "calls_open", sqlite_where=sa.text("status = 'open'"), postgresql_where=sa.text("status = 'open'")
        )
        batch_op.drop_index(batch_op.f("calls_exit_id"))

    op.drop_table("calls")
    op.drop_table("trolleys")
    op.drop_table("trips")
    with op.batch_alter_table("till_reports", schema=None) as batch_op:
        batch_op.drop_index("till_reports_kiosk")
        batch_op.drop_index("till_reports_about")

    op.drop_table("till_reports")
    op.drop_table("till_booked")
    op.drop_table("stored_cards")
    op.drop_table("staff_members")
    op.drop_table("promotions")
    with op.batch_alter_table("products", schema=None) as batch_op:
        batch_op.drop_index("products_by_category")

    op.drop_table("products")
    with op.batch_alter_table("pass_bindings", schema=None) as batch_op:
        batch_op.drop_index("pass_bindings_lane")

    op.drop_table("pass_bindings")
    with op.batch_alter_table("ledger", schema=None) as batch_op:
        batch_op.drop_index("ledger_order")
        batch_op.drop_index("ledger_account")

    op.drop_table("ledger")
    op.drop_table("journal_followers")
    with op.batch_alter_table("journal", schema=None) as batch_op:
        batch_op.drop_index(
            "journal_stream",
            sqlite_where=sa.text("stream NOT LIKE 'trip:%'"),
            postgresql_where=sa.text("stream NOT LIKE 'trip:%'"),
        )

    op.drop_table("journal")
    with op.batch_alter_table("gate_openings", schema=None) as batch_op:
        batch_op.drop_index("gate_openings_lane")

    op.drop_table("gate_openings")
    with op.batch_alter_table("exits", schema=None) as batch_op:
        batch_op.drop_index(
            "exits_live_order",
            sqlite_where=sa.text("status IN ('claimed', 'accepted', 'released')"),
            postgresql_where=sa.text("status IN ('claimed', 'accepted', 'released')"),
        )
        batch_op.drop_index(
            "exits_live_lane",
            sqlite_where=sa.text("status IN ('claimed', 'accepted', 'released') AND bay IS NULL"),
            postgresql_where=sa.text("status IN ('claimed', 'accepted', 'released') AND bay IS NULL"),
        )
        batch_op.drop_index("exits_claimed")

    op.drop_table("exits")
    op.drop_table("devices")
    op.drop_table("declared_containers")
    op.drop_table("declared_bags")
    op.drop_table("coupons")
    op.drop_table("catalogue_version")
    op.drop_table("bill_spans")
    with op.batch_alter_table("bill_rows", schema=None) as batch_op:
        batch_op.drop_index(
            "bill_rows_open", sqlite_where=sa.text("settled_us IS NULL"), postgresql_where=sa.text("settled_us IS NULL")
        )
        batch_op.drop_index("bill_rows_at")

    op.drop_table("bill_rows")
    with op.batch_alter_table("audit_days", schema=None) as batch_op:
        batch_op.drop_index(
            "audit_days_secret",
            sqlite_where=sa.text("revealed_us IS NULL"),
            postgresql_where=sa.text("revealed_us IS NULL"),
        )

    op.drop_table("audit_days")
