"""referrals

Revision: 0004
Follows: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = '0004'
down_revision = '0003'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('card_moves',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('portal_id', sa.Integer(), nullable=False),
    sa.Column('card_kind', sa.String(length=8), nullable=False),
    sa.Column('card_id', sa.Integer(), nullable=False),
    sa.Column('from_kind', sa.String(length=8), nullable=False),
    sa.Column('from_id', sa.Integer(), nullable=False),
    sa.Column('to_id', sa.Integer(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['portal_id'], ['portals.id'], name=op.f('fk_card_moves_portal_id_portals'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_card_moves'))
    )
    with op.batch_alter_table('card_moves', schema=None) as batch_op:
        batch_op.create_index('ix_card_moves_card', ['portal_id', 'card_kind', 'card_id'], unique=False)
        batch_op.create_index('ix_card_moves_from', ['portal_id', 'from_kind', 'from_id'], unique=False)

    op.create_table('currency_rates',
    sa.Column('portal_id', sa.Integer(), nullable=False),
    sa.Column('base', sa.String(length=8), nullable=False),
    sa.Column('currency', sa.String(length=8), nullable=False),
    sa.Column('since', sa.Date(), nullable=False),
    sa.Column('through', sa.Date(), nullable=False),
    sa.Column('rate', sa.Numeric(precision=24, scale=10), nullable=False),
    sa.ForeignKeyConstraint(['portal_id'], ['portals.id'], name=op.f('fk_currency_rates_portal_id_portals'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('portal_id', 'base', 'currency', 'since', name=op.f('pk_currency_rates'))
    )

    op.create_table('referral_acts',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('portal_id', sa.Integer(), nullable=False),
    sa.Column('referral_id', sa.Integer(), nullable=False),
    sa.Column('what', sa.String(length=16), nullable=False),
    sa.Column('who', sa.String(length=200), nullable=False),
    sa.Column('note', sa.String(length=500), nullable=False),
    sa.Column('detail', sa.JSON(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['portal_id'], ['portals.id'], name=op.f('fk_referral_acts_portal_id_portals'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_referral_acts'))
    )
    with op.batch_alter_table('referral_acts', schema=None) as batch_op:
        batch_op.create_index('ix_referral_acts_referral', ['portal_id', 'referral_id'], unique=False)

    op.create_table('referral_claims',
    sa.Column('portal_id', sa.Integer(), nullable=False),
    sa.Column('card_kind', sa.String(length=8), nullable=False),
    sa.Column('card_id', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('newcomer_kind', sa.String(length=8), nullable=False),
    sa.Column('newcomer_id', sa.Integer(), nullable=False),
    sa.Column('source', sa.String(length=40), nullable=False),
    sa.Column('referrer_kind', sa.String(length=8), nullable=False),
    sa.Column('referrer_id', sa.Integer(), nullable=False),
    sa.Column('claimed_on', sa.Date(), nullable=False),
    sa.Column('seen_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['portal_id'], ['portals.id'], name=op.f('fk_referral_claims_portal_id_portals'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('portal_id', 'card_kind', 'card_id', name=op.f('pk_referral_claims'))
    )
    with op.batch_alter_table('referral_claims', schema=None) as batch_op:
        batch_op.create_index('ix_referral_claims_newcomer', ['portal_id', 'newcomer_kind', 'newcomer_id'], unique=False)

    op.create_table('referral_imports',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('portal_id', sa.Integer(), nullable=False),
    sa.Column('origin', sa.String(length=8), nullable=False),
    sa.Column('name', sa.String(length=200), nullable=False),
    sa.Column('digest', sa.String(length=64), nullable=False),
    sa.Column('who', sa.String(length=200), nullable=False),
    sa.Column('stage', sa.String(length=10), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('moved_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['portal_id'], ['portals.id'], name=op.f('fk_referral_imports_portal_id_portals'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_referral_imports'))
    )
    with op.batch_alter_table('referral_imports', schema=None) as batch_op:
        batch_op.create_index('ix_referral_imports_digest', ['portal_id', 'digest'], unique=False)

    op.create_table('referral_import_rows',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('portal_id', sa.Integer(), nullable=False),
    sa.Column('import_id', sa.Integer(), nullable=False),
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('client', sa.String(length=400), nullable=False),
    sa.Column('referrer', sa.String(length=400), nullable=False),
    sa.Column('day', sa.Date(), nullable=True),
    sa.Column('source', sa.String(length=40), nullable=False),
    sa.Column('note', sa.String(length=500), nullable=False),
    sa.Column('status', sa.String(length=8), nullable=False),
    sa.Column('code', sa.String(length=24), nullable=False),
    sa.Column('detail', sa.JSON(), nullable=False),
    sa.Column('client_kind', sa.String(length=8), nullable=False),
    sa.Column('client_id', sa.Integer(), nullable=False),
    sa.Column('referrer_kind', sa.String(length=8), nullable=False),
    sa.Column('referrer_id', sa.Integer(), nullable=False),
    sa.Column('newcomer_kind', sa.String(length=8), nullable=False),
    sa.Column('newcomer_id', sa.Integer(), nullable=False),
    sa.Column('same', sa.String(length=8), nullable=False),
    sa.Column('replace', sa.Boolean(), nullable=False),
    sa.Column('before', sa.JSON(), nullable=False),
    sa.ForeignKeyConstraint(['import_id'], ['referral_imports.id'], name=op.f('fk_referral_import_rows_import_id_referral_imports'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['portal_id'], ['portals.id'], name=op.f('fk_referral_import_rows_portal_id_portals'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_referral_import_rows')),
    sa.UniqueConstraint('import_id', 'number', name=op.f('uq_referral_import_rows_import_id_number'))
    )
    with op.batch_alter_table('referral_import_rows', schema=None) as batch_op:
        batch_op.create_index('ix_referral_import_rows_status', ['portal_id', 'import_id', 'status'], unique=False)

    op.create_table('referral_marks',
    sa.Column('portal_id', sa.Integer(), nullable=False),
    sa.Column('card_kind', sa.String(length=8), nullable=False),
    sa.Column('card_id', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('via_kind', sa.String(length=8), nullable=False),
    sa.Column('via_id', sa.Integer(), nullable=False),
    sa.Column('wrote', sa.JSON(), nullable=False),
    sa.Column('count', sa.Integer(), nullable=False),
    sa.Column('written_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['portal_id'], ['portals.id'], name=op.f('fk_referral_marks_portal_id_portals'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('portal_id', 'card_kind', 'card_id', name=op.f('pk_referral_marks'))
    )
    with op.batch_alter_table('referral_marks', schema=None) as batch_op:
        batch_op.create_index('ix_referral_marks_via', ['portal_id', 'via_kind', 'via_id'], unique=False)

    op.create_table('referral_tallies',
    sa.Column('portal_id', sa.Integer(), nullable=False),
    sa.Column('card_kind', sa.String(length=8), nullable=False),
    sa.Column('card_id', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('brought', sa.Integer(), nullable=False),
    sa.Column('count', sa.Integer(), nullable=False),
    sa.Column('written_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['portal_id'], ['portals.id'], name=op.f('fk_referral_tallies_portal_id_portals'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('portal_id', 'card_kind', 'card_id', name=op.f('pk_referral_tallies'))
    )
    op.create_table('referral_reminders',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('portal_id', sa.Integer(), nullable=False),
    sa.Column('card_kind', sa.String(length=8), nullable=False),
    sa.Column('card_id', sa.Integer(), nullable=False),
    sa.Column('newcomer_kind', sa.String(length=8), nullable=False),
    sa.Column('newcomer_id', sa.Integer(), nullable=False),
    sa.Column('state', sa.String(length=8), nullable=False),
    sa.Column('due_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('manager_id', sa.Integer(), nullable=True),
    sa.Column('activity_id', sa.Integer(), nullable=True),
    sa.Column('made_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('ended_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['portal_id'], ['portals.id'], name=op.f('fk_referral_reminders_portal_id_portals'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_referral_reminders')),
    sa.UniqueConstraint('portal_id', 'card_kind', 'card_id', name=op.f('uq_referral_reminders_portal_id_card_kind_card_id'))
    )
    with op.batch_alter_table('referral_reminders', schema=None) as batch_op:
        batch_op.create_index('ix_referral_reminders_due', ['portal_id', 'state', 'due_at'], unique=False)
        batch_op.create_index('ix_referral_reminders_newcomer', ['portal_id', 'newcomer_kind', 'newcomer_id'], unique=False)

    op.create_table('referral_thanks',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('portal_id', sa.Integer(), nullable=False),
    sa.Column('referral_id', sa.Integer(), nullable=False),
    sa.Column('step', sa.String(length=16), nullable=False),
    sa.Column('referrer_kind', sa.String(length=8), nullable=False),
    sa.Column('referrer_id', sa.Integer(), nullable=False),
    sa.Column('since', sa.Date(), nullable=False),
    sa.Column('status', sa.String(length=16), nullable=False),
    sa.Column('owner_id', sa.Integer(), nullable=True),
    sa.Column('deadline', sa.DateTime(timezone=True), nullable=True),
    sa.Column('task_id', sa.Integer(), nullable=True),
    sa.Column('thanked_by', sa.String(length=200), nullable=False),
    sa.Column('thanked_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('note', sa.String(length=500), nullable=False),
    sa.Column('opened_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('ended_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['portal_id'], ['portals.id'], name=op.f('fk_referral_thanks_portal_id_portals'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_referral_thanks')),
    sa.UniqueConstraint('portal_id', 'referral_id', 'step', 'referrer_kind', 'referrer_id', name=op.f('uq_referral_thanks_occasion'))
    )
    with op.batch_alter_table('referral_thanks', schema=None) as batch_op:
        batch_op.create_index('ix_referral_thanks_task', ['portal_id', 'task_id'], unique=False)
        batch_op.create_index('ix_referral_thanks_waiting', ['portal_id', 'since', 'id'], unique=False, sqlite_where=sa.text("status = 'open'"), postgresql_where=sa.text("status = 'open'"))

    op.create_table('referrals',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('portal_id', sa.Integer(), nullable=False),
    sa.Column('newcomer_kind', sa.String(length=8), nullable=False),
    sa.Column('newcomer_id', sa.Integer(), nullable=False),
    sa.Column('source', sa.String(length=40), nullable=False),
    sa.Column('named_kind', sa.String(length=8), nullable=False),
    sa.Column('named_id', sa.Integer(), nullable=False),
    sa.Column('referrer_kind', sa.String(length=8), nullable=False),
    sa.Column('referrer_id', sa.Integer(), nullable=False),
    sa.Column('claimed_on', sa.Date(), nullable=True),
    sa.Column('via_kind', sa.String(length=8), nullable=False),
    sa.Column('via_id', sa.Integer(), nullable=False),
    sa.Column('rivals', sa.Integer(), nullable=False),
    sa.Column('problem', sa.String(length=16), nullable=False),
    sa.Column('chain', sa.JSON(), nullable=False),
    sa.Column('checked', sa.String(length=32), nullable=False),
    sa.Column('same', sa.String(length=8), nullable=False),
    sa.Column('settled_by', sa.String(length=8), nullable=False),
    sa.Column('settled_who', sa.String(length=200), nullable=False),
    sa.Column('settled_note', sa.String(length=500), nullable=False),
    sa.Column('settled_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('deal_id', sa.Integer(), nullable=True),
    sa.Column('step', sa.String(length=16), nullable=False),
    sa.Column('steps', sa.JSON(), nullable=False),
    sa.Column('lost_on', sa.Date(), nullable=True),
    sa.Column('told', sa.String(length=40), server_default='', nullable=False),
    sa.Column('reward', sa.String(length=16), nullable=False),
    sa.Column('reward_who', sa.String(length=200), nullable=False),
    sa.Column('reward_note', sa.String(length=500), nullable=False),
    sa.Column('reward_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('found_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('changed_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['portal_id'], ['portals.id'], name=op.f('fk_referrals_portal_id_portals'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_referrals')),
    sa.UniqueConstraint('portal_id', 'newcomer_kind', 'newcomer_id', name=op.f('uq_referrals_portal_id_newcomer_kind_newcomer_id'))
    )
    with op.batch_alter_table('referrals', schema=None) as batch_op:
        batch_op.create_index('ix_referrals_named', ['portal_id', 'named_kind', 'named_id'], unique=False)
        batch_op.create_index('ix_referrals_referrer', ['portal_id', 'referrer_kind', 'referrer_id'], unique=False)
        batch_op.create_index('ix_referrals_refused', ['portal_id'], unique=False, sqlite_where=sa.text("problem <> ''"), postgresql_where=sa.text("problem <> ''"))
    with op.batch_alter_table('companies', schema=None) as batch_op:
        batch_op.create_index('ix_companies_own', ['portal_id', 'id'], unique=False, sqlite_where=sa.text('own'), postgresql_where=sa.text('own'))
        batch_op.create_index('ix_companies_lead', ['portal_id', 'lead_id'], unique=False, sqlite_where=sa.text('lead_id IS NOT NULL'), postgresql_where=sa.text('lead_id IS NOT NULL'))
    with op.batch_alter_table('contacts', schema=None) as batch_op:
        batch_op.create_index('ix_contacts_lead', ['portal_id', 'lead_id'], unique=False, sqlite_where=sa.text('lead_id IS NOT NULL'), postgresql_where=sa.text('lead_id IS NOT NULL'))
    with op.batch_alter_table('deals', schema=None) as batch_op:
        batch_op.create_index('ix_deals_lead', ['portal_id', 'lead_id'], unique=False, sqlite_where=sa.text('lead_id IS NOT NULL'), postgresql_where=sa.text('lead_id IS NOT NULL'))


def downgrade() -> None:
    with op.batch_alter_table('deals', schema=None) as batch_op:
        batch_op.drop_index('ix_deals_lead', sqlite_where=sa.text('lead_id IS NOT NULL'), postgresql_where=sa.text('lead_id IS NOT NULL'))
    with op.batch_alter_table('contacts', schema=None) as batch_op:
        batch_op.drop_index('ix_contacts_lead', sqlite_where=sa.text('lead_id IS NOT NULL'), postgresql_where=sa.text('lead_id IS NOT NULL'))
    with op.batch_alter_table('companies', schema=None) as batch_op:
        batch_op.drop_index('ix_companies_own', sqlite_where=sa.text('own'), postgresql_where=sa.text('own'))
        batch_op.drop_index('ix_companies_lead', sqlite_where=sa.text('lead_id IS NOT NULL'), postgresql_where=sa.text('lead_id IS NOT NULL'))
    with op.batch_alter_table('referrals', schema=None) as batch_op:
        batch_op.drop_index('ix_referrals_refused', sqlite_where=sa.text("problem <> ''"), postgresql_where=sa.text("problem <> ''"))
        batch_op.drop_index('ix_referrals_referrer')
        batch_op.drop_index('ix_referrals_named')
    op.drop_table('referrals')
    with op.batch_alter_table('referral_thanks', schema=None) as batch_op:
        batch_op.drop_index('ix_referral_thanks_waiting')
        batch_op.drop_index('ix_referral_thanks_task')
    op.drop_table('referral_thanks')
    op.drop_table('referral_tallies')
    with op.batch_alter_table('referral_reminders', schema=None) as batch_op:
        batch_op.drop_index('ix_referral_reminders_newcomer')
        batch_op.drop_index('ix_referral_reminders_due')
    op.drop_table('referral_reminders')
    with op.batch_alter_table('referral_marks', schema=None) as batch_op:
        batch_op.drop_index('ix_referral_marks_via')
    op.drop_table('referral_marks')
    with op.batch_alter_table('referral_import_rows', schema=None) as batch_op:
        batch_op.drop_index('ix_referral_import_rows_status')
    op.drop_table('referral_import_rows')
    with op.batch_alter_table('referral_imports', schema=None) as batch_op:
        batch_op.drop_index('ix_referral_imports_digest')
    op.drop_table('referral_imports')
    with op.batch_alter_table('referral_claims', schema=None) as batch_op:
        batch_op.drop_index('ix_referral_claims_newcomer')
    op.drop_table('referral_claims')
    with op.batch_alter_table('referral_acts', schema=None) as batch_op:
        batch_op.drop_index('ix_referral_acts_referral')
    op.drop_table('referral_acts')
    with op.batch_alter_table('card_moves', schema=None) as batch_op:
        batch_op.drop_index('ix_card_moves_from')
        batch_op.drop_index('ix_card_moves_card')
    op.drop_table('card_moves')
    op.drop_table('currency_rates')
