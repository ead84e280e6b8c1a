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
        batch_op.create_index('ix_replies_open', ['portal_id', 'status', 'id'], unique=False)

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

    with op.batch_alter_table('invitations', schema=None) as batch_op:
        batch_op.add_column(sa.Column('colleague_id', sa.Integer(), nullable=True))

    with op.batch_alter_table('letters', schema=None) as batch_op:
        batch_op.add_column(sa.Column('way', sa.String(length=8), server_default='', nullable=False))
        batch_op.add_column(sa.Column('activity_id', sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column('bounced_at', sa.DateTime(timezone=True), nullable=True))
        batch_op.create_index('ix_letters_pace', ['portal_id', 'sender_address', 'handed_at'], unique=False)

    with op.batch_alter_table('waves', schema=None) as batch_op:
        batch_op.add_column(sa.Column('closed_why', sa.String(length=500), server_default='', nullable=False))
        batch_op.add_column(sa.Column('looked', sa.JSON(), server_default='{}', nullable=False))



def downgrade() -> None:
    with op.batch_alter_table('waves', schema=None) as batch_op:
        batch_op.drop_column('looked')
        batch_op.drop_column('closed_why')

    with op.batch_alter_table('letters', schema=None) as batch_op:
        batch_op.drop_index('ix_letters_pace')
        batch_op.drop_column('bounced_at')
        batch_op.drop_column('activity_id')
        batch_op.drop_column('way')

    with op.batch_alter_table('invitations', schema=None) as batch_op:
        batch_op.drop_column('colleague_id')

    with op.batch_alter_table('direct_messages', schema=None) as batch_op:
        batch_op.drop_index('ix_direct_messages_link')

    op.drop_table('direct_messages')
    op.drop_table('sender_mailboxes')
    with op.batch_alter_table('replies', schema=None) as batch_op:
        batch_op.drop_index('ix_replies_open')

    op.drop_table('replies')
    with op.batch_alter_table('direct_links', schema=None) as batch_op:
        batch_op.drop_index('ux_direct_links_living', sqlite_where=sa.text('revoked_at IS NULL'), postgresql_where=sa.text('revoked_at IS NULL'))

    op.drop_table('direct_links')
    op.drop_table('dead_addresses')
    with op.batch_alter_table('colleagues', schema=None) as batch_op:
        batch_op.drop_index('ix_colleagues_open')
        batch_op.drop_index('ix_colleagues_invitation')

    op.drop_table('colleagues')
