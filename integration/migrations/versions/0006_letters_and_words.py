"""mailboxes of senders, dead addresses, replies, the direct line, colleagues

Revision: 0006
Follows: 0005
"""

import sqlalchemy as sa
from alembic import op

revision = '0006'
down_revision = '0005'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('colleagues',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('portal_id', sa.Integer(), nullable=False),
    sa.Column('invitation_id', sa.Integer(), nullable=False),
    sa.Column('name', sa.String(length=200), nullable=False),
    sa.Column('reach', sa.String(length=255), nullable=False),
    sa.Column('words', sa.String(length=500), nullable=False),
    sa.Column('status', sa.String(length=16), nullable=False),
    sa.Column('said_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('settled_by', sa.String(length=200), nullable=False),
    sa.Column('settled_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('contact_id', sa.Integer(), nullable=True),
    sa.ForeignKeyConstraint(['portal_id'], ['portals.id'], name=op.f('fk_colleagues_portal_id_portals'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_colleagues'))
    )
    with op.batch_alter_table('colleagues', schema=None) as batch_op:
        batch_op.create_index('ix_colleagues_invitation', ['invitation_id'], unique=False)
        batch_op.create_index('ix_colleagues_open', ['portal_id', 'status', 'id'], unique=False)

    op.create_table('dead_addresses',
    sa.Column('portal_id', sa.Integer(), nullable=False),
    sa.Column('address', sa.String(length=255), nullable=False),
    sa.Column('source', sa.String(length=16), nullable=False),
    sa.Column('code', sa.String(length=64), nullable=False),
    sa.Column('since', sa.DateTime(timezone=True), nullable=False),
    sa.Column('revived_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('revived_by', sa.String(length=200), nullable=False),
    sa.ForeignKeyConstraint(['portal_id'], ['portals.id'], name=op.f('fk_dead_addresses_portal_id_portals'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('portal_id', 'address', name=op.f('pk_dead_addresses'))
    )
    op.create_table('direct_links',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('portal_id', sa.Integer(), nullable=False),
    sa.Column('client_kind', sa.String(length=8), nullable=False),
    sa.Column('client_id', sa.Integer(), nullable=False),
    sa.Column('token', sa.String(length=64), nullable=False),
    sa.Column('made_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('revoked_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('revoked_by', sa.String(length=200), nullable=False),
    sa.ForeignKeyConstraint(['portal_id'], ['portals.id'], name=op.f('fk_direct_links_portal_id_portals'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_direct_links')),
    sa.UniqueConstraint('token', name=op.f('uq_direct_links_token'))
    )
    with op.batch_alter_table('direct_links', schema=None) as batch_op:
        batch_op.create_index('ux_direct_links_living', ['portal_id', 'client_kind', 'client_id'], unique=True, sqlite_where=sa.text('revoked_at IS NULL'), postgresql_where=sa.text('revoked_at IS NULL'))

    op.create_table('replies',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('portal_id', sa.Integer(), nullable=False),
    sa.Column('activity_id', sa.Integer(), nullable=False),
    sa.Column('invitation_id', sa.Integer(), nullable=True),
    sa.Column('contact_id', sa.Integer(), nullable=True),
    sa.Column('client_kind', sa.String(length=8), nullable=False),
    sa.Column('client_id', sa.Integer(), nullable=True),
    sa.Column('from_address', sa.String(length=255), nullable=False),
    sa.Column('subject', sa.String(length=300), nullable=False),
    sa.Column('words', sa.Text(), nullable=False),
    sa.Column('kind', sa.String(length=16), nullable=False),
    sa.Column('proposed', sa.Integer(), nullable=True),
    sa.Column('received_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('status', sa.String(length=16), nullable=False),
    sa.Column('settled_by', sa.String(length=200), nullable=False),
    sa.Column('settled_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('response_id', sa.Integer(), nullable=True),
    sa.ForeignKeyConstraint(['portal_id'], ['portals.id'], name=op.f('fk_replies_portal_id_portals'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_replies')),
    sa.UniqueConstraint('portal_id', 'activity_id', name=op.f('uq_replies_portal_id_activity_id'))
    )
    with op.batch_alter_table('replies', schema=None) as batch_op:
        batch_op.create_index('ix_replies_invitation', ['invitation_id'], unique=False)
        batch_op.create_index('ix_replies_open', ['portal_id', 'status', 'id'], unique=False)

    op.create_table('retired_links',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('portal_id', sa.Integer(), nullable=False),
    sa.Column('invitation_id', sa.Integer(), nullable=False),
    sa.Column('token', sa.String(length=64), nullable=False),
    sa.Column('retired_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['invitation_id'], ['invitations.id'], name=op.f('fk_retired_links_invitation_id_invitations'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['portal_id'], ['portals.id'], name=op.f('fk_retired_links_portal_id_portals'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_retired_links')),
    sa.UniqueConstraint('token', name=op.f('uq_retired_links_token'))
    )
    with op.batch_alter_table('retired_links', schema=None) as batch_op:
        batch_op.create_index('ix_retired_links_invitation', ['invitation_id'], unique=False)

    op.create_table('sender_mailboxes',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('portal_id', sa.Integer(), nullable=False),
    sa.Column('sender_key', sa.String(length=64), nullable=False),
    sa.Column('way', sa.String(length=8), nullable=False),
    sa.Column('smtp_url', sa.LargeBinary(), nullable=True),
    sa.Column('shown', sa.String(length=200), nullable=False),
    sa.Column('per_hour', sa.Integer(), nullable=False),
    sa.Column('per_day', sa.Integer(), nullable=False),
    sa.Column('dkim_selector', sa.String(length=64), nullable=False),
    sa.Column('dkim', sa.JSON(), nullable=False),
    sa.Column('checked_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('check_code', sa.String(length=64), nullable=False),
    sa.Column('changed_by', sa.String(length=200), nullable=False),
    sa.Column('changed_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['portal_id'], ['portals.id'], name=op.f('fk_sender_mailboxes_portal_id_portals'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_sender_mailboxes')),
    sa.UniqueConstraint('portal_id', 'sender_key', name=op.f('uq_sender_mailboxes_portal_id_sender_key'))
    )
    op.create_table('direct_messages',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('portal_id', sa.Integer(), nullable=False),
    sa.Column('link_id', sa.Integer(), nullable=False),
    sa.Column('invitation_id', sa.Integer(), nullable=True),
    sa.Column('person', sa.String(length=200), nullable=False),
    sa.Column('back', sa.String(length=200), nullable=False),
    sa.Column('words', sa.Text(), nullable=False),
    sa.Column('status', sa.String(length=16), nullable=False),
    sa.Column('held_reason', sa.String(length=32), nullable=False),
    sa.Column('said_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('follow_up_id', sa.Integer(), nullable=True),
    sa.ForeignKeyConstraint(['link_id'], ['direct_links.id'], name=op.f('fk_direct_messages_link_id_direct_links'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['portal_id'], ['portals.id'], name=op.f('fk_direct_messages_portal_id_portals'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_direct_messages'))
    )
    with op.batch_alter_table('direct_messages', schema=None) as batch_op:
        batch_op.create_index('ix_direct_messages_link', ['link_id', 'id'], unique=False)

    with op.batch_alter_table('proofs', schema=None) as batch_op:
        batch_op.add_column(sa.Column('link_id', sa.Integer(), nullable=True))
        batch_op.alter_column('invitation_id', existing_type=sa.Integer(), nullable=True)
        batch_op.create_foreign_key(op.f('fk_proofs_link_id_direct_links'), 'direct_links', ['link_id'], ['id'], ondelete='CASCADE')

    with op.batch_alter_table('invitations', schema=None) as batch_op:
        batch_op.add_column(sa.Column('colleague_id', sa.Integer(), nullable=True))

    with op.batch_alter_table('letters', schema=None) as batch_op:
        batch_op.add_column(sa.Column('way', sa.String(length=8), server_default='', nullable=False))
        batch_op.add_column(sa.Column('activity_id', sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column('bounced_at', sa.DateTime(timezone=True), nullable=True))
        batch_op.create_index('ix_letters_pace', ['portal_id', 'sender_address', 'handed_at'], unique=False)
        batch_op.create_index('ix_letters_person', ['portal_id', 'lane', 'handed_at'], unique=False)
        batch_op.create_index('ix_letters_wave', ['portal_id', 'wave_id', 'status', 'invitation_id', 'handed_at', 'planned_for', 'bounced_at'], unique=False)

    _note_dead_addresses(op.get_bind())

    with op.batch_alter_table('waves', schema=None) as batch_op:
        batch_op.add_column(sa.Column('closed_why', sa.String(length=500), server_default='', nullable=False))
        batch_op.add_column(sa.Column('looked', sa.JSON(), server_default='{}', nullable=False))



def _note_dead_addresses(connection: sa.Connection) -> None:
    """Until now the letter that was refused for good was the only note of it."""
    letters = sa.table(
        'letters', *map(sa.column, ('id', 'portal_id', 'status', 'error', 'recipient_address')),
        sa.column('finished_at', sa.DateTime(timezone=True)), sa.column('created_at', sa.DateTime(timezone=True)),
    )
    dead = sa.table(
        'dead_addresses', *map(sa.column, ('portal_id', 'address', 'source', 'code', 'revived_by')),
        sa.column('since', sa.DateTime(timezone=True)),
    )
    refused = sa.select(
        letters.c.portal_id, letters.c.recipient_address, letters.c.error,
        sa.func.coalesce(letters.c.finished_at, letters.c.created_at, type_=sa.DateTime(timezone=True)),
    ).where(letters.c.status == 'buried', letters.c.error.startswith('address_refused'), letters.c.recipient_address != '')
    found: dict[tuple[int, str], dict[str, object]] = {}
    for portal_id, address, error, since in connection.execute(refused.order_by(letters.c.id)):
        key = (portal_id, address.strip().casefold()[:255])
        code = error.removeprefix('address_refused').strip().partition(' ')[0][:64]
        found.setdefault(key, {
            'portal_id': portal_id, 'address': key[1], 'source': 'smtp', 'code': code, 'since': since, 'revived_by': '',
        })
    if found:
        connection.execute(sa.insert(dead), list(found.values()))


def downgrade() -> None:
    with op.batch_alter_table('waves', schema=None) as batch_op:
        batch_op.drop_column('looked')
        batch_op.drop_column('closed_why')

    with op.batch_alter_table('letters', schema=None) as batch_op:
        batch_op.drop_index('ix_letters_wave')
        batch_op.drop_index('ix_letters_person')
        batch_op.drop_index('ix_letters_pace')
        batch_op.drop_column('bounced_at')
        batch_op.drop_column('activity_id')
        batch_op.drop_column('way')

    with op.batch_alter_table('invitations', schema=None) as batch_op:
        batch_op.drop_column('colleague_id')

    op.execute(sa.text('DELETE FROM proofs WHERE invitation_id IS NULL'))
    with op.batch_alter_table('proofs', schema=None) as batch_op:
        batch_op.drop_constraint(op.f('fk_proofs_link_id_direct_links'), type_='foreignkey')
        batch_op.alter_column('invitation_id', existing_type=sa.Integer(), nullable=False)
        batch_op.drop_column('link_id')

    with op.batch_alter_table('direct_messages', schema=None) as batch_op:
        batch_op.drop_index('ix_direct_messages_link')

    with op.batch_alter_table('retired_links', schema=None) as batch_op:
        batch_op.drop_index('ix_retired_links_invitation')

    op.drop_table('retired_links')
    op.drop_table('direct_messages')
    op.drop_table('sender_mailboxes')
    with op.batch_alter_table('replies', schema=None) as batch_op:
        batch_op.drop_index('ix_replies_open')
        batch_op.drop_index('ix_replies_invitation')

    op.drop_table('replies')
    with op.batch_alter_table('direct_links', schema=None) as batch_op:
        batch_op.drop_index('ux_direct_links_living', sqlite_where=sa.text('revoked_at IS NULL'), postgresql_where=sa.text('revoked_at IS NULL'))

    op.drop_table('direct_links')
    op.drop_table('dead_addresses')
    with op.batch_alter_table('colleagues', schema=None) as batch_op:
        batch_op.drop_index('ix_colleagues_open')
        batch_op.drop_index('ix_colleagues_invitation')

    op.drop_table('colleagues')
