"""x"""
import threading
from dataclasses import replace
from datetime import timedelta
from typing import Any
import pytest
from integration.services import access, portals, states, erasure, frames, inbox, health
from integration.bitrix import calls
from integration.bitrix.errors import BitrixError
from integration.store.portals import Portal
from integration.store.inbox import InboxRow
from integration.store.clients import Deal
from integration.store.erased import ErasedPortal
from tests.services.portal_world import *
from tests.services.life_world import opens, staffed, frame_of, removed, fill, rows_of, added
import requests as rq

@pytest.fixture
def place(sessions):
    with world(sessions, staffed()) as w:
        yield w.ready()

def together(*fs):
    out=[None]*len(fs); b=threading.Barrier(len(fs))
    def run(i,f):
        b.wait()
        try: out[i]=f()
        except BaseException as e: out[i]=e
    ts=[threading.Thread(target=run,args=(i,f)) for i,f in enumerate(fs)]
    [t.start() for t in ts]; [t.join() for t in ts]; return out

def test_odd_titles(place):
    for n,t in enumerate(["a\x00b","e"*5000]):
        place.act(1,"crm.item.update",entityTypeId=2,id=n+1,fields={"title":t})
    for _ in range(12):
        place.settle(); place.clock.advance(3600)
    print("TITLES",[(d.id,(d.title or "")[:10]) for d in place.all(Deal)], [(r.status,r.error,r.attempts) for r in place.all(InboxRow) if r.status!="done"])

def test_life(place):
    from integration.services.request_log import called
    # lifecycle handler failing by our own fault
    import integration.services.lifecycle as lc
    for n in (1,2,3): place.act(1,"crm.item.update",entityTypeId=2,id=n,fields={"title":f"t{n}"})
    place.box.control("/events/flush", {"timeout": 10})
    row=place.row()
    print(rq.post(place.address+"/bitrix/events",data={"event":"ONAPPUPDATE","auth[member_id]":row.member_id,"auth[application_token]":row.application_token}).status_code)
    old=lc.HANDLERS["ONAPPUPDATE"]
    def boom(*a): raise RuntimeError("x")
    lc.HANDLERS["ONAPPUPDATE"]=boom
    try:
        for _ in range(30):
            try: inbox.drain(place.deps)
            except RuntimeError as e: print("DRAIN RAISED")
            place.clock.advance(61)
        print("LIFE",[(r.event,r.status,r.attempts) for r in place.all(InboxRow) if r.status!="done"],[(d.id,d.title) for d in place.all(Deal)])
    finally: lc.HANDLERS["ONAPPUPDATE"]=old

def test_erase_races(place):
    removed(place,1)
    print("A",place.row().status, place.row().erase_after)
    place.box.control(f"/apps/{CLIENT_ID}/install", {"user_id": 1, "finish": False})
    f=frame_of(place)
    got=together(*[lambda: portals.install(place.deps,f.grant).portal_id for _ in range(4)])
    print("INSTALL", got, [(p.id,p.status) for p in place.all(Portal)])
    pid=place.row().id
    got=together(lambda: erasure.keep(place.deps,pid), lambda: erasure.start_anew(place.deps,pid), lambda: erasure.start_anew(place.deps,pid), lambda: erasure.keep(place.deps,pid))
    print("DECIDE", got, [(p.id,p.status,p.erase_after) for p in place.all(Portal)])
    place.box.control(f"/apps/{CLIENT_ID}/finish", {})
    for _ in range(3): place.settle(); place.clock.advance(3600)
    print("END", [(p.id,p.status,p.erase_after,p.problem) for p in place.all(Portal)], [(e.why) for e in place.all(ErasedPortal)])

def test_erase_while_active_worker(place):
    """wipe while another thread drains"""
    for n in range(60):
        place.queue(calls.item_update("deal",1+(n%3),{"title":f"x{n}"}) if hasattr(calls,"item_update") else None, lane=f"deal:{n}", key=f"k{n}")
    fill(place, place.portal_id)
    got=together(lambda: [outbox.drain(place.deps) for _ in range(4)], lambda: erasure.wipe(place.deps,place.portal_id,"operator"), lambda: [inbox.drain(place.deps) for _ in range(4)], lambda:[chores.run_due(place.deps) for _ in range(4)])
    print("WIPE", got, place.all(Portal), {k:v for k,v in rows_of(place,place.portal_id).items() if v})

def test_add_app_twice(place):
    d=place.deps
    a=portals.add_app(d,"other.example.com","local.a","s1"); b=portals.add_app(d,"https://other.example.com/x/","local.a ","s2")
    c=portals.add_app(d,"other.example.com","local.b","s3")
    print("ADD",a,b,c,[(p.id,p.status,p.client_id,p.domain) for p in place.all(Portal)])
    for bad in ("", "//", "a b", "http://[x", "x@y", "other.example.com:99999999"):
        try: print("BAD",bad,portals.add_app(d,bad,"local.z"+bad,"s"))
        except Exception as e: print("BAD",bad,repr(e))
    got=together(*[lambda: portals.add_app(d,"race.example.com","local.race","s") for _ in range(4)])
    print("RACE",got)
    try: print("SAME AS INSTALLED", portals.add_app(d, place.row().domain, CLIENT_ID, "new-secret"), [(p.id,p.status,p.kind,p.member_id) for p in place.all(Portal)])
    except Exception as e: print(repr(e))
