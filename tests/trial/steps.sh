# What is tried, in order: a name behind `##`, and a shell script, in the node's container, with `docker` and the
# engine's DOCKER_HOST. The commands of the registry are those of Calamari's public sources
# (DockerImagePackageDownloader.cs, DockerLogin.sh, DockerPull.sh); a step's container sees the node's work folder under
# the same path, as Octopus has it. $W is that folder, `box` an image of busybox, $R a registry over https.

## the client's version
docker version --format '{{.Client.Version}}'

## import an image
mkdir -p $W/box/bin $W/box/etc $W/box/tmp $W/box/proc && chmod 1777 $W/box/tmp && cp /bin/busybox $W/box/bin/
for each in sh id cat echo stat sleep wc chown touch dd wget nc nslookup mount ls rm mkdir true head yes ps; do
    ln -sf busybox $W/box/bin/$each
done
printf 'root:x:0:0::/:/bin/sh\napp:x:1000:1000::/:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n' >$W/box/etc/passwd
chmod -R go+rX $W/box && tar -C $W/box -c . | docker import --change 'ENV PATH=/bin' - box >/dev/null && rm -rf $W/box

## list images
docker image ls --format='{{.ID}}' --no-trunc | grep sha256:

## inspect an image
docker inspect --format='{{.Id}} {{.Size}}' box | grep -E '^sha256:.* [0-9]+$'

## run
[ "$(docker run --rm box echo hi)" = hi ]

## exit code
code=0; docker run --rm box sh -c 'exit 42' || code=$?; [ $code = 42 ]

## work folder at the same path
docker run --rm -v $W:$W -w $W box sh -c 'mkdir sub; echo made >sub/f' && grep made $W/sub/f

## files have the node's owner
[ "$(stat -c %u $W/sub/f)" = "$(id -u)" ]

## the node deletes them
rm -rf $W/sub && [ ! -e $W/sub ]

## read-only mount
! docker run --rm -v $W:$W:ro box touch $W/x

## file as a mount
echo one >$W/one; docker run --rm -v $W/one:/tmp/two box cat /tmp/two | grep one

## environment file
echo 'A=b c' >$W/env; [ "$(docker run --rm --env-file $W/env box sh -c 'echo $A')" = 'b c' ]

## value of several lines
docker run --rm -e "A=$(printf 'x\ny')" box sh -c 'echo "$A"' | grep -x y

## ENTRYPOINT overridden
[ "$(docker run --rm --entrypoint /bin/echo box said)" = said ]

## build with RUN and COPY
mkdir -p $W/ctx && printf '%s\n' 'FROM box' 'COPY f /f' 'RUN cat /f >/g' 'ENTRYPOINT ["cat"]' 'CMD ["/g"]' >$W/ctx/Dockerfile
echo in >$W/ctx/f;
    docker build -q -t built $W/ctx

## run what was built
[ "$(docker run --rm built)" = in ]

## build as another user
mkdir -p $W/ctx && printf '%s\n' 'FROM box' 'RUN mkdir /d; chown 1000:1000 /d' 'USER 1000' 'RUN touch /d/f' >$W/ctx/Dockerfile;
    docker build -q -t other $W/ctx

## run as another user
[ "$(docker run --rm other sh -c 'id -u; stat -c %u /d/f' | tr '\n' ' ')" = '1000 1000 ' ]

## run as nobody
[ "$(docker run --rm --user 65534:65534 box id -u)" = 65534 ]

## chown in a volume
docker run --rm -v vol:/v box sh -c 'echo kept >/v/f; chown 1000:1000 /v/f'

## a volume is kept
[ "$(docker run --rm -v vol:/v box sh -c 'cat /v/f; stat -c %u /v/f' | tr '\n' ' ')" = 'kept 1000 ' ]

## remove a volume
docker volume rm vol

## tmpfs
docker run --rm --tmpfs /x box touch /x/f

## read-only root
! docker run --rm --read-only box touch /f

## detached, logs
docker run -d --name one box sh -c 'echo logged; sleep 1000' && sleep 0.5 && docker logs one | grep logged

## exec
[ "$(docker exec one echo inside)" = inside ]

## exec with input
[ "$(echo typed | docker exec -i one cat)" = typed ]

## copy in
echo there >$W/there; docker cp $W/there one:/tmp/there && docker exec one cat /tmp/there | grep there

## copy out
docker cp one:/tmp/there $W/back && grep there $W/back

## top
docker top one >/dev/null

## stats
docker stats --no-stream one >/dev/null

## remove by force
docker rm -f one && ! docker inspect one

## stop in order
docker run -d --name two box sh -c 'trap "exit 7" TERM; while :; do sleep 0.1; done' &&
    sleep 0.5 &&
    docker stop two && [ $(docker wait two) = 7 ];
    docker rm two

## stop of a deaf one
docker run -d --name three box sh -c 'trap "" TERM; while :; do sleep 1; done' &&
    docker stop -t 1 three && [ $(docker wait three) = 137 ];
    docker rm three

## a signal of one's own
docker run -d --name four box sh -c 'trap "exit 9" HUP; while :; do sleep 0.1; done' &&
    sleep 0.5 &&
    docker kill -s HUP four && [ $(docker wait four) = 9 ];
    docker rm four

## TERM to the client ends it
docker run --rm --name five box sh -c 'trap "exit 3" TERM; while :; do sleep 0.1; done' & sleep 1; kill $!; code=0; wait $! || code=$?; [ $code = 3 ] && ! docker inspect five

## 1 MB of input
[ "$(head -c 1000000 /dev/zero | docker run --rm -i box wc -c | tr -d ' ')" = 1000000 ]

## 20 MB of output
[ "$(docker run --rm box sh -c 'yes 0123456789 | head -c 20000000' | wc -c | tr -d ' ')" = 20000000 ]

## 20 at once
rm -f $W/n.*; for i in $(seq 20); do docker run --rm -v $W:$W box touch $W/n.$i & done; wait; [ $(ls $W/n.* | wc -l) = 20 ]

## a network of one's own
docker network create net &&
    docker run -d --name web --network net box sh -c 'while :; do echo served | nc -l -p 8000; done'

## a container by its name
sleep 0.5; docker run --rm --network net box nc web 8000 </dev/null | grep served

## remove a network
docker rm -f web && docker network rm net

## out of the container
docker run --rm box nc -w 5 $REGISTRY_ADDRESS 5000 </dev/null

## a published port
docker run -d --name port -p 18080:8000 box sh -c 'while :; do echo served | nc -l -p 8000; done' &&
    sleep 1 && busybox nc -w 5 127.0.0.1 18080 </dev/null | grep served; code=$?;
    docker rm -f port; exit $code

## --network host
docker run --rm --network host box true

## --network none
! docker run --rm --network none box nc -w 2 $REGISTRY_ADDRESS 5000 </dev/null

## login over https
echo secret | docker login --username user --password-stdin $R

## push
docker tag box $R/team/box:1 && docker push -q $R/team/box:1

## manifest inspect --verbose
docker manifest inspect --verbose $R/team/box:1 | grep -i digest

## pull
docker rmi $R/team/box:1 && docker pull -q $R/team/box:1 && docker run --rm $R/team/box:1 true

## save and load
docker save built -o $W/saved && docker rmi built && docker load -q -i $W/saved

## --memory holds
code=0;
    docker run --rm --memory 32m box dd if=/dev/zero of=/dev/null bs=100M count=1 || code=$?; [ $code != 0 ]

## --cpus is taken
docker run --rm --cpus 0.5 box true

## --privileged
docker run --rm --privileged box mount -t tmpfs none /tmp

## prune
docker system prune --force --volumes >/dev/null
