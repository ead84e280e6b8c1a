"""calls, links of a call centre, extra questions, surveys after a project

Revision: 0007
Follows: 0006
"""

import sqlalchemy as sa
from alembic import op

revision = '0007'
down_revision = '0006'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('project_runs',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('portal_id', sa.Integer(), nullable=False),
    sa.Column('key', sa.String(length=120), nullable=False),
    sa.Column('source', sa.String(length=8), nullable=False),
    sa.Column('deal_id', sa.Integer(), nullable=False),
    sa.Column('started_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('started_by', sa.String(length=200), nullable=False),
    sa.Column('due_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('status', sa.String(length=16), nullable=False),
    sa.Column('reason', sa.String(length=32), nullable=False),
    sa.Column('wave_id', sa.Integer(), nullable=True),
    sa.Column('invitation_id', sa.Integer(), nullable=True),
    sa.Column('event_token', sa.LargeBinary(), nullable=True),
    sa.Column('waits', sa.Boolean(), nullable=False),
    sa.Column('told_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['portal_id'], ['portals.id'], name=op.f('fk_project_runs_portal_id_portals'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_project_runs')),
    sa.UniqueConstraint('portal_id', 'key', name=op.f('uq_project_runs_portal_id_key'))
    )
    with op.batch_alter_table('project_runs', schema=None) as batch_op:
        batch_op.create_index('ix_project_runs_due', ['status', 'due_at'], unique=False)
        batch_op.create_index('ix_project_runs_invitation', ['invitation_id'], unique=False)
        batch_op.create_index('ix_project_runs_portal', ['portal_id', 'id'], unique=False)

    op.create_table('question_versions',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('portal_id', sa.Integer(), nullable=False),
    sa.Column('key', sa.String(length=32), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('body', sa.JSON(), nullable=False),
    sa.Column('since', sa.DateTime(timezone=True), nullable=False),
    sa.Column('author', sa.String(length=200), nullable=False),
    sa.ForeignKeyConstraint(['portal_id'], ['portals.id'], name=op.f('fk_question_versions_portal_id_portals'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_question_versions')),
    sa.UniqueConstraint('portal_id', 'key', 'version', name=op.f('uq_question_versions_portal_id_key_version'))
    )
    op.create_table('call_links',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('portal_id', sa.Integer(), nullable=False),
    sa.Column('wave_id', sa.Integer(), nullable=False),
    sa.Column('token_hash', sa.String(length=64), nullable=False),
    sa.Column('name', sa.String(length=200), nullable=False),
    sa.Column('firm', sa.String(length=200), nullable=False),
    sa.Column('language', sa.String(length=8), nullable=False),
    sa.Column('made_by', sa.String(length=200), nullable=False),
    sa.Column('made_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('revoked_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('revoked_by', sa.String(length=200), nullable=False),
    sa.Column('seen_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['portal_id'], ['portals.id'], name=op.f('fk_call_links_portal_id_portals'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['wave_id'], ['waves.id'], name=op.f('fk_call_links_wave_id_waves'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_call_links')),
    sa.UniqueConstraint('token_hash', name=op.f('uq_call_links_token_hash'))
    )
    with op.batch_alter_table('call_links', schema=None) as batch_op:
        batch_op.create_index('ix_call_links_portal', ['portal_id', 'id'], unique=False)

    op.create_table('call_sheets',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('portal_id', sa.Integer(), nullable=False),
    sa.Column('wave_id', sa.Integer(), nullable=False),
    sa.Column('file_name', sa.String(length=200), nullable=False),
    sa.Column('stage', sa.String(length=16), nullable=False),
    sa.Column('uploaded_by', sa.String(length=200), nullable=False),
    sa.Column('uploaded_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('finished_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('counts', sa.JSON(), nullable=False),
    sa.Column('secret', sa.LargeBinary(), nullable=True),
    sa.ForeignKeyConstraint(['portal_id'], ['portals.id'], name=op.f('fk_call_sheets_portal_id_portals'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['wave_id'], ['waves.id'], name=op.f('fk_call_sheets_wave_id_waves'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_call_sheets'))
    )
    with op.batch_alter_table('call_sheets', schema=None) as batch_op:
        batch_op.create_index('ix_call_sheets_wave', ['portal_id', 'wave_id', 'id'], unique=False)

    op.create_table('call_sheet_rows',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('portal_id', sa.Integer(), nullable=False),
    sa.Column('sheet_id', sa.Integer(), nullable=False),
    sa.Column('page', sa.String(length=8), nullable=False),
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('invitation_id', sa.Integer(), nullable=True),
    sa.Column('said', sa.JSON(), nullable=False),
    sa.Column('status', sa.String(length=16), nullable=False),
    sa.Column('code', sa.String(length=32), nullable=False),
    sa.ForeignKeyConstraint(['portal_id'], ['portals.id'], name=op.f('fk_call_sheet_rows_portal_id_portals'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['sheet_id'], ['call_sheets.id'], name=op.f('fk_call_sheet_rows_sheet_id_call_sheets'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_call_sheet_rows')),
    sa.UniqueConstraint('sheet_id', 'page', 'number', name=op.f('uq_call_sheet_rows_sheet_id_page_number'))
    )
    op.create_table('call_views',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('portal_id', sa.Integer(), nullable=False),
    sa.Column('wave_id', sa.Integer(), nullable=False),
    sa.Column('link_id', sa.Integer(), nullable=True),
    sa.Column('invitation_id', sa.Integer(), nullable=True),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('what', sa.String(length=24), nullable=False),
    sa.Column('who', sa.String(length=200), nullable=False),
    sa.Column('remote', sa.String(length=64), nullable=False),
    sa.Column('count', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['link_id'], ['call_links.id'], name=op.f('fk_call_views_link_id_call_links'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['portal_id'], ['portals.id'], name=op.f('fk_call_views_portal_id_portals'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['wave_id'], ['waves.id'], name=op.f('fk_call_views_wave_id_waves'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_call_views'))
    )
    with op.batch_alter_table('call_views', schema=None) as batch_op:
        batch_op.create_index('ix_call_views_link', ['portal_id', 'link_id', 'id'], unique=False)
        batch_op.create_index('ix_call_views_wave', ['wave_id', 'id'], unique=False)

    op.create_table('attempts',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('portal_id', sa.Integer(), nullable=False),
    sa.Column('wave_id', sa.Integer(), nullable=False),
    sa.Column('invitation_id', sa.Integer(), nullable=False),
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('key', sa.String(length=80), nullable=False),
    sa.Column('outcome', sa.String(length=24), nullable=False),
    sa.Column('phone', sa.String(length=64), nullable=False),
    sa.Column('started_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('ended_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('call_back_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('note', sa.String(length=1000), nullable=False),
    sa.Column('caller', sa.String(length=80), nullable=False),
    sa.Column('caller_name', sa.String(length=200), nullable=False),
    sa.Column('source', sa.String(length=16), nullable=False),
    sa.Column('wording', sa.String(length=64), nullable=False),
    sa.Column('undone_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('undone_by', sa.String(length=200), nullable=False),
    sa.ForeignKeyConstraint(['invitation_id'], ['invitations.id'], name=op.f('fk_attempts_invitation_id_invitations'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['portal_id'], ['portals.id'], name=op.f('fk_attempts_portal_id_portals'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['wave_id'], ['waves.id'], name=op.f('fk_attempts_wave_id_waves'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_attempts')),
    sa.UniqueConstraint('invitation_id', 'number', name=op.f('uq_attempts_invitation_id_number')),
    sa.UniqueConstraint('portal_id', 'key', name=op.f('uq_attempts_portal_id_key'))
    )
    with op.batch_alter_table('attempts', schema=None) as batch_op:
        batch_op.create_index('ix_attempts_caller', ['portal_id', 'caller', 'ended_at'], unique=False)
        batch_op.create_index('ix_attempts_wave', ['wave_id', 'ended_at'], unique=False)

    op.create_table('call_leases',
    sa.Column('wave_client_id', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('portal_id', sa.Integer(), nullable=False),
    sa.Column('wave_id', sa.Integer(), nullable=False),
    sa.Column('invitation_id', sa.Integer(), nullable=False),
    sa.Column('key', sa.String(length=80), nullable=False),
    sa.Column('holder', sa.String(length=80), nullable=False),
    sa.Column('holder_name', sa.String(length=200), nullable=False),
    sa.Column('taken_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('until', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['invitation_id'], ['invitations.id'], name=op.f('fk_call_leases_invitation_id_invitations'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['portal_id'], ['portals.id'], name=op.f('fk_call_leases_portal_id_portals'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['wave_client_id'], ['wave_clients.id'], name=op.f('fk_call_leases_wave_client_id_wave_clients'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['wave_id'], ['waves.id'], name=op.f('fk_call_leases_wave_id_waves'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('wave_client_id', name=op.f('pk_call_leases')),
    sa.UniqueConstraint('key', name=op.f('uq_call_leases_key')),
    sa.UniqueConstraint('portal_id', 'holder', name=op.f('uq_call_leases_portal_id_holder'))
    )
    with op.batch_alter_table('call_leases', schema=None) as batch_op:
        batch_op.create_index('ix_call_leases_invitation', ['invitation_id'], unique=False)

    op.create_table('extra_answers',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('portal_id', sa.Integer(), nullable=False),
    sa.Column('wave_id', sa.Integer(), nullable=False),
    sa.Column('response_id', sa.Integer(), nullable=False),
    sa.Column('question', sa.String(length=32), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('language', sa.String(length=8), nullable=False),
    sa.Column('status', sa.String(length=8), nullable=False),
    sa.Column('value', sa.String(length=2000), nullable=False),
    sa.Column('recorded_by', sa.String(length=200), nullable=False),
    sa.Column('answered_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('earlier', sa.JSON(), nullable=False),
    sa.ForeignKeyConstraint(['portal_id'], ['portals.id'], name=op.f('fk_extra_answers_portal_id_portals'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['response_id'], ['responses.id'], name=op.f('fk_extra_answers_response_id_responses'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['wave_id'], ['waves.id'], name=op.f('fk_extra_answers_wave_id_waves'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_extra_answers')),
    sa.UniqueConstraint('response_id', 'question', 'status', name=op.f('uq_extra_answers_response_id_question_status'))
    )
    with op.batch_alter_table('extra_answers', schema=None) as batch_op:
        batch_op.create_index('ix_extra_answers_wave', ['portal_id', 'wave_id', 'question'], unique=False)

    with op.batch_alter_table('invitations', schema=None) as batch_op:
        batch_op.add_column(sa.Column('attempts', sa.Integer(), server_default='0', nullable=False))
        batch_op.add_column(sa.Column('call_due_at', sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column('call_until', sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column('promised_at', sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column('calls_over', sa.String(length=24), server_default='', nullable=False))
        batch_op.add_column(sa.Column('mail_from', sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column('own_plan', sa.JSON(), server_default='{}', nullable=False))
        batch_op.create_index('ix_invitations_calls', ['wave_id', 'call_due_at'], unique=False)

    with op.batch_alter_table('waves', schema=None) as batch_op:
        batch_op.add_column(sa.Column('kind', sa.String(length=16), server_default='yearly', nullable=False))



def downgrade() -> None:
    with op.batch_alter_table('waves', schema=None) as batch_op:
        batch_op.drop_column('kind')

    with op.batch_alter_table('invitations', schema=None) as batch_op:
        batch_op.drop_index('ix_invitations_calls')
        batch_op.drop_column('own_plan')
        batch_op.drop_column('mail_from')
        batch_op.drop_column('calls_over')
        batch_op.drop_column('promised_at')
        batch_op.drop_column('call_until')
        batch_op.drop_column('call_due_at')
        batch_op.drop_column('attempts')

    with op.batch_alter_table('extra_answers', schema=None) as batch_op:
        batch_op.drop_index('ix_extra_answers_wave')

    op.drop_table('extra_answers')
    with op.batch_alter_table('call_leases', schema=None) as batch_op:
        batch_op.drop_index('ix_call_leases_invitation')

    op.drop_table('call_leases')
    with op.batch_alter_table('attempts', schema=None) as batch_op:
        batch_op.drop_index('ix_attempts_wave')
        batch_op.drop_index('ix_attempts_caller')

    op.drop_table('attempts')
    with op.batch_alter_table('call_views', schema=None) as batch_op:
        batch_op.drop_index('ix_call_views_wave')
        batch_op.drop_index('ix_call_views_link')

    op.drop_table('call_views')
    op.drop_table('call_sheet_rows')
    with op.batch_alter_table('call_sheets', schema=None) as batch_op:
        batch_op.drop_index('ix_call_sheets_wave')

    op.drop_table('call_sheets')
    with op.batch_alter_table('call_links', schema=None) as batch_op:
        batch_op.drop_index('ix_call_links_portal')

    op.drop_table('call_links')
    op.drop_table('question_versions')
    with op.batch_alter_table('project_runs', schema=None) as batch_op:
        batch_op.drop_index('ix_project_runs_portal')
        batch_op.drop_index('ix_project_runs_invitation')
        batch_op.drop_index('ix_project_runs_due')

    op.drop_table('project_runs')
